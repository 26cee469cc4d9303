//! Which event goes to which function. From what is registered here the SDK derives what the script tells
//! the host of itself: a script is not called for an event that none of its functions wants.

use crate::actions::{Actions, IntoActions, reply};
use crate::command::CommandCall;
use crate::error::{Error, Result};
use crate::types::{
    ActionResult, Ask, ChatKind, Command, Event, EventBody, EventKind, FetchFinished, Filter, GroupNotice,
    Login, Match, Membership, Message, Mute, Other, Person, PropertyChange, QrCode, Recall, Request,
    ScriptInfo, StateChange, Timer,
};

/// A rule: functions, and the events that they want.
///
/// Every function that wants an event is called for it, in the order in which they were registered, and
/// the host is given the actions of all of them.
pub struct Rule {
    name: &'static str,
    summary: &'static str,
    version: &'static str,
    settings_schema: Option<&'static str>,
    asks: Vec<(&'static str, &'static str)>,
    chats: Vec<ChatKind>,
    handlers: Vec<Handler>,
}

/// A function and what calls it.
struct Handler {
    trigger: Trigger,
    run: Box<Run>,
}

/// A function with its body of the event taken out for it. One that captures nothing takes no memory.
type Run = dyn Fn(&Trigger, &Event) -> Result<Actions>;

/// What calls a function.
enum Trigger {
    Command(Command),
    Kind(EventKind),
    Patterns(&'static str),
    Everything,
}

impl Trigger {
    fn wants(&self, event: &Event) -> bool {
        match self {
            Self::Command(command) => {
                matches!(event.body, EventBody::MessageReceived(_)) && command.is_called_by(event)
            }
            Self::Kind(kind) => event.kind() == *kind,
            Self::Patterns(_) => matches!(event.body, EventBody::MessageReceived(_)),
            Self::Everything => !matches!(event.body, EventBody::MessageSent(_)),
        }
    }
}

/// A method for each kind of event that has a body: the function is given the event and the body.
macro_rules! on_events {
    ($($(#[$doc:meta])* $method:ident: $case:ident($body:ty);)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $method<R: IntoActions>(self, run: impl Fn(&Event, &$body) -> R + 'static) -> Self {
            self.when(Trigger::Kind(EventKind::$case), move |_, event| match &event.body {
                EventBody::$case(body) => run(event, body).into_actions(),
                _ => Ok(Vec::new()),
            })
        }
    )*};
}

impl Rule {
    /// A rule, by the name and the sentence that people are shown.
    pub fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            version: "",
            settings_schema: None,
            asks: Vec::new(),
            chats: Vec::new(),
            handlers: Vec::new(),
        }
    }

    /// The version that people are shown; [`rule!`](crate::rule!) gives the crate's.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Its settings, as the text of a JSON Schema. The host refuses settings that do not fit.
    #[must_use]
    pub fn settings_schema(mut self, json: &'static str) -> Self {
        self.settings_schema = Some(json);
        self
    }

    /// Something that the rule needs, an action (`kick`) or an import (`kv-shared`), and why: the operator
    /// is shown it before granting it.
    #[must_use]
    pub fn asks(mut self, name: &'static str, reason: &'static str) -> Self {
        self.asks.push((name, reason));
        self
    }

    /// Only events of these kinds of chat.
    #[must_use]
    pub fn only_in(mut self, chats: impl Into<Vec<ChatKind>>) -> Self {
        self.chats = chats.into();
        self
    }

    /// When somebody types a command, and may.
    #[must_use]
    pub fn command<R: IntoActions>(
        self,
        command: Command,
        run: impl Fn(&CommandCall) -> R + 'static,
    ) -> Self {
        self.when(Trigger::Command(command), move |trigger, event| match trigger {
            Trigger::Command(command) => match CommandCall::of(event, command) {
                Some(call) => run(&call).into_actions(),
                None => Ok(Vec::new()),
            },
            _ => Ok(Vec::new()),
        })
    }

    /// When a message matches a table of patterns in the settings. The host looks before it calls.
    #[must_use]
    pub fn on_match<R: IntoActions>(
        self,
        set: &'static str,
        run: impl Fn(&Event, &Message, &[Match]) -> R + 'static,
    ) -> Self {
        self.when(Trigger::Patterns(set), move |_, event| {
            let Some(message) = event.message() else { return Ok(Vec::new()) };
            let found = crate::patterns::find(set, &message.text)?;
            if found.is_empty() { Ok(Vec::new()) } else { run(event, message, &found).into_actions() }
        })
    }

    /// When anything of this kind happens.
    #[must_use]
    pub fn on<R: IntoActions>(self, kind: EventKind, run: impl Fn(&Event) -> R + 'static) -> Self {
        self.when(Trigger::Kind(kind), move |_, event| run(event).into_actions())
    }

    /// When anything at all happens, except that the account says something.
    #[must_use]
    pub fn on_everything<R: IntoActions>(self, run: impl Fn(&Event) -> R + 'static) -> Self {
        self.when(Trigger::Everything, move |_, event| run(event).into_actions())
    }

    on_events! {
        /// When somebody says something.
        on_message: MessageReceived(Message);
        /// When the account says something that this script did not say.
        on_own_message: MessageSent(Message);
        /// When a notice is put up in the group.
        on_group_notice: GroupNotice(GroupNotice);
        /// When somebody is a friend now.
        on_friend_joined: FriendJoined(Person);
        /// When somebody is no longer a friend.
        on_friend_lost: FriendLost(Person);
        /// When the account is in this group now.
        on_group_joined: GroupJoined(Membership);
        /// When the account is no longer in this group.
        on_group_lost: GroupLost(Membership);
        /// When the account is in this discuss now.
        on_discuss_joined: DiscussJoined(Membership);
        /// When the account is no longer in this discuss.
        on_discuss_lost: DiscussLost(Membership);
        /// When somebody else comes into the group or discuss.
        on_member_joined: MemberJoined(Membership);
        /// When somebody else leaves the group or discuss, or is removed.
        on_member_lost: MemberLost(Membership);
        /// When a name, a card, a role or another property changes.
        on_property_changed: PropertyChanged(PropertyChange);
        /// When a member, or everybody, may not speak.
        on_muted: Muted(Mute);
        /// When a member, or everybody, may speak again.
        on_unmuted: Unmuted(Mute);
        /// When a message is taken back.
        on_recalled: Recalled(Recall);
        /// When somebody wants to be a friend.
        on_friend_request: FriendRequest(Request);
        /// When somebody wants to come into the group.
        on_group_request: GroupRequest(Request);
        /// When somebody wants the account to come into the group.
        on_group_invite: GroupInvite(Request);
        /// When the account's state changes.
        on_account_state: AccountState(StateChange);
        /// When the account is logged in.
        on_login: Login(Login);
        /// When a QR code waits to be scanned.
        on_qr_code: QrCode(QrCode);
        /// When a timer that this script set comes due.
        on_timer: TimerFired(Timer);
        /// When a fetch that this script asked for is over.
        on_fetched: FetchFinished(FetchFinished);
        /// When the host tells what became of an action.
        on_result: ActionResult(ActionResult);
        /// When something happens that the contract has no case for.
        on_other: Other(Other);
    }

    fn when(mut self, trigger: Trigger, run: impl Fn(&Trigger, &Event) -> Result<Actions> + 'static) -> Self {
        self.handlers.push(Handler { trigger, run: Box::new(run) });
        self
    }

    /// What the script says of itself.
    pub fn info(&self) -> ScriptInfo {
        let commands = self.handlers.iter().filter_map(|handler| match &handler.trigger {
            Trigger::Command(command) => Some(command.clone()),
            _ => None,
        });
        let asks =
            self.asks.iter().map(|(name, reason)| Ask { name: (*name).into(), reason: (*reason).into() });
        ScriptInfo {
            name: self.name.into(),
            version: self.version.into(),
            summary: self.summary.into(),
            settings_schema: self.settings_schema.map(Into::into),
            commands: commands.collect(),
            wants: self.wants(),
            asks: asks.collect(),
            attrs: Vec::new(),
        }
    }

    /// The filters that let through what the functions want, and nothing else.
    fn wants(&self) -> Vec<Filter> {
        let filter = |events: Vec<EventKind>| Filter {
            events,
            chats: self.chats.clone(),
            commands: Vec::new(),
            pattern_sets: Vec::new(),
            attrs: Vec::new(),
        };
        let mut kinds = Vec::new();
        let mut commands = Vec::new();
        let mut wants = Vec::new();
        for handler in &self.handlers {
            match &handler.trigger {
                Trigger::Command(command) => {
                    commands.push(command.name.clone());
                    commands.extend(command.aliases.iter().cloned());
                }
                Trigger::Kind(kind) if !kinds.contains(kind) => kinds.push(*kind),
                Trigger::Kind(_) => {}
                Trigger::Patterns(set) => wants.push(Filter {
                    pattern_sets: vec![(*set).into()],
                    ..filter(vec![EventKind::MessageReceived])
                }),
                Trigger::Everything => wants.push(filter(Vec::new())),
            }
        }
        if !commands.is_empty() {
            wants.push(Filter { commands, ..filter(vec![EventKind::MessageReceived]) });
        }
        if !kinds.is_empty() {
            wants.push(filter(kinds));
        }
        wants
    }

    /// What to do about an event.
    ///
    /// # Errors
    /// The text of the first [`Error::Fault`] of a function.
    pub fn handle(&self, event: &Event) -> core::result::Result<Actions, String> {
        let mut actions = Vec::new();
        if !self.chats.is_empty() && !event.chat_kind().is_some_and(|kind| self.chats.contains(&kind)) {
            return Ok(actions);
        }
        for handler in &self.handlers {
            if !handler.trigger.wants(event) {
                continue;
            }
            match (handler.run)(&handler.trigger, event) {
                Ok(mut more) => actions.append(&mut more),
                Err(Error::Say(text)) => actions.push(reply(text).into()),
                Err(Error::Fault(text)) => return Err(text),
            }
        }
        Ok(actions)
    }
}

/// Exports a [`Rule`] as this crate's script, and as the function `rule()` for its tests.
///
/// ```
/// use mynah_sdk::prelude::*;
///
/// mynah_sdk::rule!(Rule::new("echo", "Says what was said.").on_message(echo));
///
/// fn echo(_: &Event, message: &Message) -> Reply {
///     reply(&message.text)
/// }
/// ```
#[macro_export]
macro_rules! rule {
    ($rule:expr $(,)?) => {
        /// This script's rule: what the host runs, and what its tests run.
        pub fn rule() -> $crate::Rule {
            $rule.version(env!("CARGO_PKG_VERSION"))
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Script;

            impl $crate::bindings::Guest for Script {
                fn describe() -> $crate::types::ScriptInfo {
                    rule().info()
                }

                fn handle(
                    event: $crate::types::Event,
                ) -> ::core::result::Result<$crate::actions::Actions, ::std::string::String> {
                    rule().handle(&event)
                }
            }

    $crate::bindings::export!(Script with_types_in $crate::bindings);
        };
    };
}

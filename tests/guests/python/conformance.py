"""The conformance guest in Python. What it must do is written down in host/engine/src/conformance.rs;
README.md says how it is built."""

from componentize_py_types import Err
from wit_world.imports.types import (
    Action,
    ActionBody_Reply,
    Ask,
    Attr,
    ChatKind,
    Command,
    Event,
    EventBody_MessageReceived,
    EventKind,
    Filter,
    Message,
    Reply,
    Role,
    ScriptInfo,
    Segment_Text,
)

from actions import every_action
from flatten import case_name, flatten


class WitWorld:
    """The functions that the world exports; the name is the generated bindings'."""

    def describe(self) -> ScriptInfo:
        """What this script is, wants and asks for: called once when it is loaded."""
        return ScriptInfo(
            name="conformance",
            version="0.1.0",
            summary="echoes every event",
            settings_schema='{"type":"object"}',
            commands=[
                Command(
                    name="actions",
                    aliases=["动作"],
                    usage="[count]",
                    help="returns every action",
                    role=Role.ADMIN,
                )
            ],
            wants=[
                Filter(events=list(EventKind), chats=[], commands=[], pattern_sets=[], attrs=[]),
                Filter(
                    events=[],
                    chats=list(ChatKind),
                    commands=["actions"],
                    pattern_sets=["words"],
                    attrs=[Attr("note", "1")],
                ),
            ],
            asks=[Ask("kick", "to show that asks arrive")],
            attrs=[Attr("contract", '"0.1"')],
        )

    def handle(self, event: Event) -> list[Action]:
        """What to do about an event: actions to return, or `Err` with a reason to raise."""
        try:
            match event.body:
                case EventBody_MessageReceived(message) if is_actions(message):
                    return every_action()
            return [reply(echo(event))]
        except Exception as error:
            # Any other exception would end in a trap, and its text would be lost.
            raise Err(repr(error)) from error


def is_actions(message: Message) -> bool:
    """Whether a message begins with the command `/actions`."""
    return message.command is not None and message.command.name == "actions"


def echo(event: Event) -> str:
    """An event as one line of text."""
    chat = f"{case_name(event.chat.kind)}/{event.chat.id}" if event.chat else "-"
    return f"{case_name(event.body)} {event.seq} {event.account} {chat} {flatten(event)}"


def reply(text: str) -> Action:
    """Says something in the chat of the event."""
    return Action(
        body=ActionBody_Reply(Reply(segments=[Segment_Text(text)], quote=False)),
        tag=None,
        tell_result=False,
        reason=None,
        attrs=[],
    )

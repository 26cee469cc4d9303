// The conformance guest in JavaScript. What it must do is written down in host/engine/src/conformance.rs;
// README.md says how it is built.

import { everyAction } from "./actions.js";
import { flatten } from "./flatten.js";

// The kinds of event and of chat, in the order of the contract.
const EVENT_KINDS = [
  "message-received",
  "message-sent",
  "group-notice",
  "friend-joined",
  "friend-lost",
  "group-joined",
  "group-lost",
  "discuss-joined",
  "discuss-lost",
  "member-joined",
  "member-lost",
  "property-changed",
  "muted",
  "unmuted",
  "recalled",
  "friend-request",
  "group-request",
  "group-invite",
  "account-state",
  "login",
  "stopped",
  "qr-code",
  "timer-fired",
  "fetch-finished",
  "action-result",
  "other",
];
const CHAT_KINDS = ["friend", "group", "discuss", "temporary", "other"];

/** What this script is, wants and asks for: called once when it is loaded. */
export function describe() {
  return {
    name: "conformance",
    version: "0.1.0",
    summary: "echoes every event",
    settingsSchema: '{"type":"object"}',
    commands: [
      {
        name: "actions",
        aliases: ["动作"],
        usage: "[count]",
        help: "returns every action",
        role: "admin",
      },
    ],
    wants: [
      { events: EVENT_KINDS, chats: [], commands: [], patternSets: [], attrs: [] },
      {
        events: [],
        chats: CHAT_KINDS,
        commands: ["actions"],
        patternSets: ["words"],
        attrs: [{ name: "note", value: "1" }],
      },
    ],
    asks: [{ name: "kick", reason: "to show that asks arrive" }],
    attrs: [{ name: "contract", value: '"0.1"' }],
  };
}

/** What to do about an event: actions to return, or a reason to throw as text. */
export function handle(event) {
  const { tag: kind, val: message } = event.body;
  if (kind === "message-received" && message.command?.name === "actions") {
    return everyAction();
  }
  const chat = event.chat ? `${event.chat.kind}/${event.chat.id}` : "-";
  const text = [kind, event.seq, event.account, chat, flatten(event)].join(" ");
  return [
    {
      body: { tag: "reply", val: { segments: [{ tag: "text", val: text }], quote: false } },
      tellResult: false,
      attrs: [],
    },
  ];
}

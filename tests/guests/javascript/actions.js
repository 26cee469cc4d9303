// One action of every kind, as numbered in host/engine/src/conformance.rs. A field that may be absent (an
// `option` in the contract) is just left out; all others must be there, or the call ends in a trap.

const HERE = { kind: "group", id: "552603" };
const THERE = { account: "wx", kind: "temporary", id: "20005", via: "group/552603" };

const PICTURE = {
  id: "m1",
  url: "https://example.org/a.png",
  path: "a.png",
  name: "a.png",
  mime: "image/png",
  size: Number.MAX_SAFE_INTEGER,
  attrs: [{ name: "width", value: "640" }],
};

const SEGMENTS = [
  { tag: "text", val: "你好 👋" },
  { tag: "mention", val: { id: "20001", name: "灰灰" } },
  { tag: "mention-all" },
  { tag: "image", val: PICTURE },
  { tag: "face", val: { id: "14", name: "微笑" } },
  { tag: "voice", val: { path: "v.silk", attrs: [] } },
  { tag: "video", val: { url: "https://example.org/v.mp4", attrs: [] } },
  { tag: "file", val: { id: "f1", size: 0, attrs: [] } },
  { tag: "reply-to", val: "m-0" },
  { tag: "app-card", val: '{"app":1}' },
  { tag: "other", val: { kind: "poke", json: "{}" } },
];

const BODIES = [
  { tag: "reply", val: { segments: SEGMENTS, quote: true } },
  { tag: "send", val: { to: THERE, segments: [{ tag: "text", val: "hi" }] } },
  { tag: "send-media", val: { media: PICTURE } },
  { tag: "shutup", val: { in: HERE, members: ["20001", "20002"], seconds: 600 } },
  { tag: "unshutup", val: { members: ["20001"] } },
  { tag: "shutup-all", val: { on: true } },
  { tag: "kick", val: { members: ["20001"], rejectAgain: true } },
  { tag: "recall", val: { messageId: "m-1" } },
  { tag: "set-card", val: { member: "20001", card: "" } },
  { tag: "set-group-name", val: { name: "新群名" } },
  { tag: "invite", val: { in: HERE, friends: ["20003"] } },
  { tag: "answer-request", val: { requestId: "r-1", approve: false, text: "no" } },
  schedule("t1", { tag: "cron", val: { pattern: "*/5 * * * *", zone: "Asia/Shanghai" } }, "p"),
  { tag: "cancel", val: "t1" },
  {
    tag: "fetch",
    val: {
      tag: "f1",
      method: "POST",
      url: "https://example.org/x",
      headers: [{ name: "content-type", value: "text/plain" }],
      body: new Uint8Array([0, 1, 255]),
    },
  },
  { tag: "stop" },
  { tag: "other", val: { kind: "poke", json: '{"id":1}' } },
  schedule("t2", { tag: "after-ms", val: 90_000 }),
  schedule("t3", { tag: "at", val: 1_700_000_060_000 }),
  schedule("t4", { tag: "other", val: { kind: "lunar", json: "{}" } }),
];

function schedule(tag, when, payload) {
  return { tag: "schedule", val: { when, tag, payload } };
}

/** All of them, numbered from 1; those with even numbers ask to be told their result. */
export function everyAction() {
  return BODIES.map((body, index) => {
    const number = index + 1;
    return {
      body,
      tag: `tag-${number}`,
      tellResult: number % 2 === 0,
      reason: `reason ${number}`,
      attrs: [],
    };
  });
}

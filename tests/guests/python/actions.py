"""One action of every kind, as numbered in host/engine/src/conformance.rs."""

from wit_world.imports import types
from wit_world.imports.types import Attr, ChatKind, Media, Target

HERE = Target(account=None, kind=ChatKind.GROUP, id="552603", via=None)
THERE = Target(account="wx", kind=ChatKind.TEMPORARY, id="20005", via="group/552603")


def media(
    id: str | None = None,
    url: str | None = None,
    path: str | None = None,
    name: str | None = None,
    mime: str | None = None,
    size: int | None = None,
    attrs: tuple[Attr, ...] = (),
) -> Media:
    """Media with what is known of it: the bindings' classes have no default values."""
    return Media(id, url, path, name, mime, size, list(attrs))


PICTURE = media(
    id="m1",
    url="https://example.org/a.png",
    path="a.png",
    name="a.png",
    mime="image/png",
    size=2**53 - 1,
    attrs=(Attr("width", "640"),),
)

SEGMENTS = [
    types.Segment_Text("你好 👋"),
    types.Segment_Mention(types.Mention(id="20001", name="灰灰")),
    types.Segment_MentionAll(),
    types.Segment_Image(PICTURE),
    types.Segment_Face(types.Face(id="14", name="微笑")),
    types.Segment_Voice(media(path="v.silk")),
    types.Segment_Video(media(url="https://example.org/v.mp4")),
    types.Segment_File(media(id="f1", size=0)),
    types.Segment_ReplyTo("m-0"),
    types.Segment_AppCard('{"app":1}'),
    types.Segment_Other(types.Other(kind="poke", json="{}")),
]


def schedule(tag: str, when: types.When, payload: str | None = None) -> types.ActionBody_Schedule:
    """Sets a timer."""
    return types.ActionBody_Schedule(types.Schedule(when=when, tag=tag, payload=payload))


BODIES: list[types.ActionBody] = [
    types.ActionBody_Reply(types.Reply(segments=SEGMENTS, quote=True)),
    types.ActionBody_Send(types.Send(to=THERE, segments=[types.Segment_Text("hi")])),
    types.ActionBody_SendMedia(types.SendMedia(to=None, media=PICTURE)),
    types.ActionBody_Shutup(types.Shutup(in_=HERE, members=["20001", "20002"], seconds=600)),
    types.ActionBody_Unshutup(types.Unshutup(in_=None, members=["20001"])),
    types.ActionBody_ShutupAll(types.ShutupAll(in_=None, on=True)),
    types.ActionBody_Kick(types.Kick(in_=None, members=["20001"], reject_again=True)),
    types.ActionBody_Recall(types.RecallMessage(in_=None, message_id="m-1")),
    types.ActionBody_SetCard(types.SetCard(in_=None, member="20001", card="")),
    types.ActionBody_SetGroupName(types.SetGroupName(in_=None, name="新群名")),
    types.ActionBody_Invite(types.Invite(in_=HERE, friends=["20003"])),
    types.ActionBody_AnswerRequest(types.AnswerRequest(request_id="r-1", approve=False, text="no")),
    schedule("t1", types.When_Cron(types.Cron(pattern="*/5 * * * *", zone="Asia/Shanghai")), "p"),
    types.ActionBody_Cancel("t1"),
    types.ActionBody_Fetch(
        types.Fetch(
            tag="f1",
            method="POST",
            url="https://example.org/x",
            headers=[types.Header(name="content-type", value="text/plain")],
            body=bytes([0, 1, 255]),
        )
    ),
    types.ActionBody_Stop(),
    types.ActionBody_Other(types.Other(kind="poke", json='{"id":1}')),
    schedule("t2", types.When_AfterMs(90_000)),
    schedule("t3", types.When_At(1_700_000_060_000)),
    schedule("t4", types.When_Other(types.Other(kind="lunar", json="{}"))),
]


def every_action() -> list[types.Action]:
    """All of them, numbered from 1; those with even numbers ask to be told their result."""
    return [
        types.Action(
            body=body,
            tag=f"tag-{number}",
            tell_result=number % 2 == 0,
            reason=f"reason {number}",
            attrs=[],
        )
        for number, body in enumerate(BODIES, start=1)
    ]

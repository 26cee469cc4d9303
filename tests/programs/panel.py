#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""A panel's back end as they were written for Openqq in 2016: forms and query strings with Chinese, nothing but the standard library."""
import json
import sys
from urllib.parse import urlencode, quote
from urllib.request import urlopen, Request

API = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"


def get(path, **params):
    url = "%s/openqq/%s" % (API, path)
    if params:
        url += "?" + urlencode(params)
    return json.loads(urlopen(url).read().decode("utf-8"))


def post(path, **params):
    data = urlencode(params).encode("ascii")
    request = Request("%s/openqq/%s" % (API, path), data)
    return json.loads(urlopen(request).read().decode("utf-8"))


def main():
    user = get("get_user_info")
    print("I am %s (%s)" % (user["name"], user["uid"]))
    for group in get("get_group_basic_info"):
        print("group %s %s as %s" % (group["uid"], group["name"], group["role"]))
    friend = get("search_friend", uid="123456")[0]
    sent = post("send_friend_message", id=friend["id"], content=u"晚上好 + 100% & 再见\n第二行 🐼")
    print("send_friend_message: %s %s" % (sent["code"], sent["status"]))
    # Names with Chinese in the query string, escaped by hand.
    url = "%s/openqq/send_group_message?name=%s&content=%s" % (API, quote("PERL学习交流"), quote("公告：今晚八点"))
    sent = json.loads(urlopen(url).read().decode("utf-8"))
    print("send_group_message: %s %s" % (sent["code"], sent["status"]))
    missing = get("send_group_message", uid="1", content="x")
    print("send_group_message: %s %s" % (missing["code"], missing["status"]))
    muted = post("shutup_group_member", group_uid="552603", member_uid="45678", time="600")
    print("shutup_group_member: %s %s" % (muted["code"], muted["status"]))


main()

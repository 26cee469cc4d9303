//! Looks for fifty keywords, one `str::contains` after the other: the rule that benchmarks run both as native code
//! and in the sandbox.

use mynah_sdk::prelude::*;

/// Words that no benchmark's message holds but for the last.
pub const KEYWORDS: [&str; 50] = [
    "discount",
    "casino",
    "lottery",
    "jackpot",
    "bitcoin",
    "airdrop",
    "giveaway",
    "viagra",
    "replica",
    "loan",
    "mortgage",
    "betting",
    "baccarat",
    "refund",
    "voucher",
    "crypto",
    "pyramid",
    "investment",
    "passive income",
    "click here",
    "free money",
    "act now",
    "winner",
    "prize",
    "cheap",
    "pills",
    "代购",
    "兼职",
    "刷单",
    "贷款",
    "彩票",
    "博彩",
    "加微信",
    "加群",
    "优惠券",
    "返利",
    "代练",
    "外挂",
    "私服",
    "发票",
    "办证",
    "黑客",
    "破解",
    "套现",
    "赌场",
    "棋牌",
    "高利贷",
    "免费领",
    "点击链接",
    "裸聊",
];

/// The rule.
pub fn keywords() -> Rule {
    Rule::new("keywords", "Answers a message with a keyword in it.").on_message(look)
}

fn look(_: &Event, message: &Message) -> Option<Reply> {
    KEYWORDS.iter().find(|word| message.text.contains(**word)).map(|word| reply(*word))
}

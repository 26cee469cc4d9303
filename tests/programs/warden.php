<?php
// post_api 接口: keeps order in a group, as such scripts were written in 2016. Run with `php -S 127.0.0.1:PORT warden.php`.
$data = json_decode(file_get_contents('php://input'), true);
header('Content-Type: application/json;charset=UTF-8');

if (!is_array($data) || $data['post_type'] != 'receive_message') {
    echo '{}';
    exit;
}
if ($data['type'] == 'group_message' && preg_match('/(加微信|刷单|代购)/u', $data['content'])) {
    $reply = '@' . $data['sender'] . ' 请不要在「' . $data['group'] . '」发广告，禁言一分钟 😠';
    echo json_encode(array('reply' => $reply, 'shutup' => 1, 'shutup_time' => 60, 'code' => 0));
    exit;
}
if ($data['type'] == 'friend_message' && $data['content'] == '帮助') {
    echo json_encode(array('reply' => "命令:\n1. 帮助\n2. 签到", 'code' => 0));
    exit;
}
echo json_encode(array('code' => 0));

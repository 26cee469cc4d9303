// A robot for Openqq v1 as they were written for node in 2016: post_api answers with a reply, new members are greeted by a call.
'use strict';
var http = require('http');
var querystring = require('querystring');

var port = parseInt(process.argv[2], 10) || 8888;
var api = process.argv[3] || 'http://127.0.0.1:5000';

function greet(member, group) {
    var params = querystring.stringify({ gnumber: group.gnumber, content: '欢迎 ' + member.nick + ' 加入 ' + group.gname + '！' });
    http.get(api + '/openqq/send_group_message?' + params, function (res) {
        var body = '';
        res.on('data', function (piece) { body += piece; });
        res.on('end', function () { console.log('send_group_message: ' + JSON.parse(body).code); });
    }).on('error', function (error) { console.log('send_group_message: ' + error.message); });
}

http.createServer(function (req, res) {
    var body = '';
    req.on('data', function (piece) { body += piece; });
    req.on('end', function () {
        var data = JSON.parse(body);
        var answer = {};
        if (data.event === 'new_group_member') {
            greet(data.params[0], data.params[1]);
        } else if (data.msg_class === 'recv' && data.type === 'group_message' && data.content === '你是谁') {
            answer = { reply: '我是机器人，' + data.sender + ' (' + data.sender_id + ')，消息 ' + data.msg_id + ' 收到', code: 0 };
        }
        res.writeHead(200, { 'Content-Type': 'text/json' });
        res.end(JSON.stringify(answer));
    });
}).listen(port, '127.0.0.1', function () { console.log('listening'); });

#!/usr/bin/env perl
# A bot as they were written for Mojo-Webqq in 2016: it polls check_event and answers in the group.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP qw(decode_json);

my $api  = shift || 'http://127.0.0.1:5000';
my $http = HTTP::Tiny->new(timeout => 60);

sub uri_escape {
    my $bytes = shift;
    utf8::encode($bytes) if utf8::is_utf8($bytes);
    $bytes =~ s/([^A-Za-z0-9\-\._~])/sprintf('%%%02X', ord($1))/ge;
    return $bytes;
}

$| = 1;
print "polling $api\n";
while (1) {
    my $res = $http->get("$api/openqq/check_event");
    unless ($res->{success}) {
        print STDERR "check_event: $res->{status} $res->{reason}\n";
        sleep 1;
        next;
    }
    for my $event (@{ decode_json($res->{content}) }) {
        next unless $event->{post_type} eq 'receive_message';
        next unless $event->{type} eq 'group_message';
        my $content = $event->{content};
        if ($content =~ /^\x{7b7e}\x{5230}$/) {    # 签到
            my $reply = "\@$event->{sender} \x{7b7e}\x{5230}\x{6210}\x{529f}\x{ff0c}\x{52a0}10%\x{79ef}\x{5206} + 1 & 2";
            my $url = "$api/openqq/send_group_message?uid=$event->{group_uid}&content=" . uri_escape($reply);
            my $sent = decode_json($http->get($url)->{content});
            print "send_group_message: $sent->{code} msg_id=$sent->{msg_id}\n";
        }
    }
}

"""Sources of text parse the lines that the programs' own documentation describes, and hostile ones.

The lines are made up; addresses and names are those reserved for documentation.
"""
# A line of a log is not folded here, so that it can be compared with the documentation.
# ruff: noqa: E501

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_logs import CATALOG
from text_sources import Values, read, read_text

DOCUMENTED: list[tuple[str, str, Values]] = [
    # Apache: common, a name for a client, no virtual host, HTTP/0.9, a user with a blank.
    (
        "apache_access",
        '203.0.113.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
        {
            "event_time": "2000-10-10 20:55:36",
            "src_ip": "203.0.113.7",
            "user": "frank",
            "method": "GET",
            "url": "/apache_pb.gif",
            "http_version": "HTTP/1.0",
            "status": 200,
            "response_bytes": 2326,
            "referrer": None,
            "user_agent": None,
        },
    ),
    (
        "apache_access",
        r'shop.example.com:80 client.example.net - Jo Doe [01/Mar/2026:09:12:44 +0100] "GET /a\"b" 304 -'
        r' "-" "a \\ \"b\"" 1234 5678',
        {
            "http_host": "shop.example.com",
            "src_ip": None,
            "src_host": "client.example.net",
            "user": "Jo Doe",
            "url": '/a"b',
            "http_version": None,
            "response_bytes": 0,
            "referrer": None,
            "user_agent": 'a \\ "b"',
        },
    ),
    (
        "apache_access",
        '::1 - "" [01/Mar/2026:09:12:44 +0000] "-" 408 - "-" "-"',
        {"src_ip": "::1", "user": None, "method": None, "malformed_request": None, "status": 408},
    ),
    (
        "apache_access",
        r'192.0.2.1 - - [01/Mar/2026:09:12:44 +0000] "\x16\x03\x01" 400 226',
        {"method": None, "url": None, "malformed_request": r"\x16\x03\x01", "status": 400},
    ),
    # Apache's errors: 2.2, 2.4 with and without a client, a port behind IPv6, an error of the system.
    (
        "apache_error",
        "[Wed Oct 11 14:32:52 2000] [error] [client 203.0.113.7] client denied by server configuration:"
        " /export/home/live/ap/htdocs/test",
        {
            "event_time": "2000-10-11 14:32:52",
            "level": "error",
            "component": None,
            "src_ip": "203.0.113.7",
            "src_port": None,
            "code": None,
        },
    ),
    (
        "apache_error",
        "[Tue Feb 03 10:01:00.123456 2026] [core:error] [pid 812:tid 140] (13)Permission denied:"
        " [client 2001:db8::17:50122] AH00035: access to /x denied, referer: http://a.example/b",
        {
            "event_time": "2026-02-03 10:01:00.123456",
            "component": "core",
            "pid": 812,
            "thread": "140",
            "system_error": "(13)Permission denied",
            "src_ip": "2001:db8::17",
            "src_port": 50122,
            "code": "AH00035",
            "referrer": "http://a.example/b",
        },
    ),
    (
        "apache_error",
        "[Tue Feb 03 10:01:00.123456 2026] [mpm_event:notice] [pid 812:tid 140] AH00489: Apache/2.4.58"
        " (Ubuntu) configured -- resuming normal operations\nsh: 1: wget: not found",
        {
            "component": "mpm_event",
            "level": "notice",
            "src_ip": None,
            "code": "AH00489",
            "details": "sh: 1: wget: not found",
        },
    ),
    # nginx: combined, the packaged `main` format, times of upstreams in pairs, ingress-nginx new and old.
    (
        "nginx",
        r'203.0.113.7 - ana [01/Mar/2026:09:12:44 +0000] "GET /\x22?a=\x5Cx HTTP/1.1" 200 612 "-" "-"'
        ' "198.51.100.4, 10.0.0.1"',
        {
            "user": "ana",
            "url": '/"?a=\\x',
            "forwarded_for": "198.51.100.4",
            "response_bytes": 612,
            "user_agent": None,
            "duration": None,
        },
    ),
    (
        "nginx",
        '2001:db8::5 - - [01/Mar/2026:10:12:45 +0100] "POST /api HTTP/2.0" 502 157 "https://a.example/"'
        ' "curl/8.5.0"rt=0.321 uct="0.001, 0.000" uht="-, 0.319" urt="0.004, 0.319"',
        {
            "event_time": "2026-03-01 09:12:45",
            "src_ip": "2001:db8::5",
            "referrer": "https://a.example/",
            "user_agent": "curl/8.5.0",
            "duration": 0.321,
            "upstream_duration": 0.319,
        },
    ),
    (
        "nginx",
        '203.0.113.9 - - [01/Mar/2026:09:12:46 +0000] "GET /cart HTTP/1.1" 200 5316 "-" "x" rt=0.1'
        " ua=10.0.0.5:8080 us=200 request_id=7f1c",
        {"upstream_ip": "10.0.0.5", "upstream_status": 200, "duration": 0.1, "request_id": "7f1c"},
    ),
    (
        "nginx",
        '203.0.113.9 - - [01/Mar/2026:09:12:46 +0000] "GET /cart HTTP/1.1" 200 5316 "-" "x" 421 0.107'
        " [shop-web-80] [] 10.42.0.11:8080, 10.42.0.12:8080 0, 5316 0.002, 0.104 502, 200 9b1f4c2d",
        {
            "duration": 0.107,
            "upstream_name": "shop-web-80",
            "upstream_ip": "10.42.0.12",
            "upstream_status": 200,
            "upstream_duration": 0.104,
            "request_id": "9b1f4c2d",
        },
    ),
    (
        "nginx",
        '203.0.113.9 - [203.0.113.9] - - [01/Mar/2026:09:12:46 +0000] "GET / HTTP/1.1" 499 0 "-" "x" 421'
        " 1.5 [shop-web-80] 10.42.0.11:8080 0 1.5 -",
        {"src_ip": "203.0.113.9", "user": None, "status": 499, "upstream_ip": "10.42.0.11"},
    ),
    (
        "nginx",
        '203.0.113.9 - - [01/Mar/2026:09:12:46 +0000] "" 400 0 "-" "-"',
        {"method": None, "url": None, "malformed_request": None, "status": 400},
    ),
    # Squid: a user, CONNECT, no request at all, dumps of headers behind.
    (
        "squid",
        "1066036250.603    310 192.0.2.16 TCP_MISS/200 2213 GET http://Www.Example.com:8080/a?b ana"
        " HIER_DIRECT/198.51.100.80 image/png",
        {
            "event_time": "2003-10-13 09:10:50.603000",
            "duration": 0.31,
            "src_ip": "192.0.2.16",
            "result": "TCP_MISS",
            "outcome": "served",
            "status": 200,
            "response_bytes": 2213,
            "method": "GET",
            "url": "http://Www.Example.com:8080/a?b",
            "http_host": "www.example.com",
            "user": "ana",
            "dest_ip": "198.51.100.80",
            "content_type": "image/png",
        },
    ),
    (
        "squid",
        "1772356364.004     12 pc7.example.net TCP_DENIED/407 4005 CONNECT files.example.net:443 -"
        " HIER_NONE/- text/html;charset=utf-8 [Host: x\\r\\n] [HTTP/1.1 407]",
        {
            "src_ip": None,
            "src_host": "pc7.example.net",
            "outcome": "denied",
            "http_host": "files.example.net",
            "user": None,
            "dest_ip": None,
            "content_type": "text/html;charset=utf-8",
        },
    ),
    (
        "squid",
        "1772356370.120      0 192.0.2.16 NONE_NONE/000 0 - error:transaction-end-before-headers -"
        " HIER_NONE/- -",
        {"outcome": "failed", "status": None, "method": None, "http_host": None},
    ),
    (
        "squid",
        "1772356371.000     98 192.0.2.16 NONE/200 0 CONNECT [2001:db8::1]:443 -"
        " TIMEOUT_CLOSEST_DIRECT/2001:db8::1 -",
        {"outcome": "served", "dest_ip": "2001:db8::1", "http_host": "[2001:db8::1]"},
    ),
    # sudo: run, wrong password, not allowed, a directory and a command that look like fields, PAM.
    (
        "sudo",
        "Mar  1 09:12:44 web1 sudo:      ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ;"
        " TSID=00000K ; ENV=A=b c ; COMMAND=/usr/bin/apt update",
        {
            "event_time": "2026-03-01 09:12:44",
            "host": "web1",
            "user": "ana",
            "target_user": "root",
            "terminal": "pts/0",
            "working_directory": "/home/ana",
            "variables": "A=b c",
            "command_line": "/usr/bin/apt update",
            "outcome": "accepted",
            "reason": None,
        },
    ),
    (
        "sudo",
        "Mar  1 09:12:50 web1 sudo[9]:   ana : 3 incorrect password attempts ; TTY=unknown ; PWD=/ ;"
        " USER=root ; GROUP=adm ; COMMAND=list",
        {
            "outcome": "failed",
            "attempts": 3,
            "reason": "3 incorrect password attempts",
            "terminal": None,
            "target_group": "adm",
            "command_line": "list",
        },
    ),
    (
        "sudo",
        "Mar  1 09:13:02 web1 sudo[4711]:      eve : user NOT in sudoers ; TTY=pts/1 ; PWD=/srv/a ; b ;"
        " USER=root ; COMMAND=/bin/sh -c echo x ; USER=nobody",
        {
            "user": "eve",
            "outcome": "denied",
            "reason": "user NOT in sudoers",
            "working_directory": "/srv/a ; b",
            "target_user": "root",
            "command_line": "/bin/sh -c echo x ; USER=nobody",
        },
    ),
    (
        "sudo",
        "Mar  1 09:13:10 web1 sudo: pam_unix(sudo:auth): authentication failure; logname=ana uid=1000"
        " euid=0 tty=/dev/pts/1 ruser=ana rhost=  user=ana",
        {"user": "ana", "outcome": "failed", "target_user": None, "command_line": None},
    ),
    (
        "sudo",
        "Mar  1 09:13:11 web1 sudo: pam_unix(sudo:session): session opened for user root(uid=0) by ana(uid=1000)",
        {"user": "ana", "target_user": "root", "outcome": None},
    ),
    # cron: Debian's and cronie's, tables edited, what could not be done.
    (
        "cron",
        "Mar  1 09:17:01 web1 CRON[30417]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
        {
            "program": "CRON",
            "pid": 30417,
            "user": "root",
            "action": "cmd",
            "command_line": "cd / && run-parts --report /etc/cron.hourly",
            "outcome": None,
        },
    ),
    (
        "cron",
        "Mar  1 09:17:02 web1 CROND[30417]: (ana) CMDEND (/home/ana/bin/a (b) c)",
        {"user": "ana", "action": "cmdend", "command_line": "/home/ana/bin/a (b) c"},
    ),
    (
        "cron",
        "Mar  1 09:20:11 web1 crontab[30501]: (ana) BEGIN EDIT (ana)",
        {"program": "crontab", "user": "ana", "action": "begin edit", "command_line": None},
    ),
    (
        "cron",
        "Mar  1 09:20:11 web1 crond[7]: (*system*) RELOAD (/etc/crontab)",
        {"user": None, "action": "reload"},
    ),
    (
        "cron",
        "Mar  1 09:20:12 web1 /usr/sbin/cron[7]: (eve) ORPHAN (no passwd entry)",
        {"user": "eve", "action": "orphan"},
    ),
    (
        "cron",
        "Mar  1 09:20:12 web1 crond[8]: (ana) FAILED to authorize user with PAM (Permission denied)",
        {"user": "ana", "outcome": "failed"},
    ),
    (
        "cron",
        "Mar  1 09:20:13 web1 run-parts(/etc/cron.hourly)[1234]: starting 0anacron",
        {"program": "run-parts(/etc/cron.hourly)", "pid": 1234, "user": None, "action": None},
    ),
    # Packet filter: ufw, no hardware address, ICMP errors that quote a packet, flags, a local process.
    (
        "iptables",
        "Mar  1 09:12:44 fw kernel: [12345.678901] [UFW BLOCK] IN=eth0 OUT="
        " MAC=00:16:3e:5e:6c:00:00:16:3E:aa:bb:cc:08:00 SRC=203.0.113.5 DST=192.0.2.1 LEN=60 TOS=0x00"
        " PREC=0x00 TTL=48 ID=54321 DF PROTO=TCP SPT=51234 DPT=22 WINDOW=64240 RES=0x00 ACK PSH URGP=0 ",
        {
            "rule": "[UFW BLOCK]",
            "outcome": "denied",
            "interface_in": "eth0",
            "interface_out": None,
            "dest_mac": "00:16:3e:5e:6c:00",
            "src_mac": "00:16:3e:aa:bb:cc",
            "src_ip": "203.0.113.5",
            "dest_ip": "192.0.2.1",
            "proto": "TCP",
            "src_port": 51234,
            "dest_port": 22,
            "tcp_flags": "ACK PSH",
            "bytes": 60,
            "ttl": 48,
            "dont_fragment": True,
            "icmp_type": None,
        },
    ),
    (
        "iptables",
        "Mar  1 09:12:46 fw kernel: DROP IN= OUT=eth0 SRC=192.0.2.1 DST=203.0.113.5 LEN=88 TOS=0x00"
        " PREC=0xC0 TTL=64 ID=20371 PROTO=ICMP TYPE=3 CODE=1 [SRC=203.0.113.5 DST=192.0.2.1 LEN=60"
        " TOS=0x00 PREC=0x00 TTL=49 ID=0 DF PROTO=TCP SPT=55000 DPT=80 WINDOW=5 RES=0x00 SYN URGP=0 ]",
        {
            "rule": "DROP",
            "interface_in": None,
            "src_ip": "192.0.2.1",
            "proto": "ICMP",
            "icmp_type": 3,
            "icmp_code": 1,
            "src_port": None,
            "dest_port": None,
            "tcp_flags": None,
            "ttl": 64,
            "dont_fragment": False,
        },
    ),
    (
        "iptables",
        "Mar  1 09:12:45 fw kernel: fwd-accept: IN=eth1 OUT=eth0 SRC=2001:db8::17 DST=2001:db8:1::53"
        " LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=395923 PROTO=UDP SPT=40000 DPT=53 LEN=40 UID=1000 GID=1000",
        {
            "rule": "fwd-accept:",
            "outcome": "accepted",
            "src_ip": "2001:db8::17",
            "proto": "UDP",
            "dest_port": 53,
            "bytes": 80,
            "ttl": 63,
            "user_id": 1000,
        },
    ),
    # dnsmasq: queries and answers, log-queries=extra, no host in a file of its own, DHCP.
    (
        "dnsmasq",
        "Mar  1 09:12:44 gw dnsmasq[812]: query[AAAA] WWW.example.com from 192.168.1.10",
        {
            "host": "gw",
            "action": "query",
            "query_type": "AAAA",
            "query": "www.example.com",
            "src_ip": "192.168.1.10",
            "response_code": None,
        },
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:44 dnsmasq[812]: forwarded www.example.com to 2001:db8::53",
        {
            "host": None,
            "program": "dnsmasq",
            "pid": 812,
            "action": "forwarded",
            "dest_ip": "2001:db8::53",
        },
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:44 gw dnsmasq[812]: reply www.example.com is <CNAME>",
        {"action": "reply", "answers": "<CNAME>", "response_code": "NOERROR", "src_ip": None},
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:44 gw dnsmasq[812]: 1734 192.168.1.10/51234 cached www.example.com is 203.0.113.80",
        {
            "action": "cached",
            "transaction_id": "1734",
            "src_ip": "192.168.1.10",
            "src_port": 51234,
            "query": "www.example.com",
            "answers": "203.0.113.80",
        },
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:44 gw dnsmasq[812]: reply nothing.example.com is NODATA-IPv6",
        {"query": "nothing.example.com", "answers": None, "response_code": "NODATA"},
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:44 gw dnsmasq[812]: /etc/hosts router.lan is 192.168.1.1",
        {"action": "hosts", "query": "router.lan", "answers": "192.168.1.1"},
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:44 gw dnsmasq[812]: gravity blocked ads.example.com is ::",
        {"action": "blocked", "query": "ads.example.com", "answers": "::"},
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:50 gw dnsmasq-dhcp[812]: 3980298523 DHCPACK(eth1) 192.168.1.50 00:16:3E:aa:bb:cc annas-phone",
        {
            "program": "dnsmasq-dhcp",
            "action": "dhcpack",
            "interface_in": "eth1",
            "src_ip": "192.168.1.50",
            "src_mac": "00:16:3e:aa:bb:cc",
            "src_host": "annas-phone",
            "query": None,
        },
    ),
    (
        "dnsmasq",
        "Mar  1 09:12:49 gw dnsmasq-dhcp[812]: DHCPDISCOVER(eth1) 00:16:3e:aa:bb:cc",
        {
            "action": "dhcpdiscover",
            "src_ip": None,
            "src_mac": "00:16:3e:aa:bb:cc",
            "src_host": None,
        },
    ),
    # OpenStack: a request to an API, an instance, no context, two request ids, a warning of another service.
    (
        "openstack",
        "nova-api.log.1.2026-03-01_13:53:08 2026-03-01 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server"
        " [req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99 54fadb41 - - -] 10.11.10.1,10.11.10.2"
        ' "GET /v2/54fadb41/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2477829',
        {
            "event_time": "2026-03-01 00:00:00.008000",
            "program": "nova-api",
            "pid": 25746,
            "level": "info",
            "component": "nova.osapi_compute.wsgi.server",
            "request_id": "req-38101a0b-2096-447d-96ea-a692162415ae",
            "user": "113d3a99",
            "project": "54fadb41",
            "src_ip": "10.11.10.1",
            "method": "GET",
            "url": "/v2/54fadb41/servers/detail",
            "status": 200,
            "response_bytes": 1893,
            "duration": 0.2477829,
        },
    ),
    (
        "openstack",
        "2026-03-01 00:00:04.500 2931 INFO nova.compute.manager [req-3ea4052c-895d - - - - -]"
        " [instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Started (Lifecycle Event)",
        {
            "program": "nova",
            "user": None,
            "instance": "b9000564-fe1a-409b-b8cc-1e88b294cd1d",
            "message": "[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Started (Lifecycle Event)",
            "src_ip": None,
        },
    ),
    (
        "openstack",
        "2026-03-01 00:00:05.185 2931 WARNING neutron.agent [None req-a1 - - - - -] Lost",
        {"level": "warning", "request_id": "req-a1", "message": "Lost", "instance": None},
    ),
    (
        "openstack",
        "2026-03-01 00:00:05.185 2931 ERROR nova.virt [-] Traceback (most recent call last):",
        {"request_id": None, "message": "Traceback (most recent call last):"},
    ),
    # Audit: user space's own pairs, hexadecimal texts, sockets, denials, records in syslog.
    (
        "auditd",
        "type=USER_LOGIN msg=audit(1772356365.004:92740): pid=812 uid=0 auid=4294967295 ses=4294967295"
        ' msg=\'op=login acct=28696E76616C6964207573657229 exe="/usr/sbin/sshd" hostname=?'
        " addr=203.0.113.7 terminal=ssh res=failed'",
        {
            "event_time": "2026-03-01 09:12:45.004000",
            "event_id": 92740,
            "record_type": "USER_LOGIN",
            "user": "(invalid user)",
            "login_user_id": None,
            "session_id": None,
            "action": "login",
            "process": "/usr/sbin/sshd",
            "src_ip": "203.0.113.7",
            "src_host": None,
            "terminal": "ssh",
            "outcome": "failed",
        },
    ),
    (
        "auditd",
        "node=web1 type=USER_CMD msg=audit(1772356366.004:9): pid=9 uid=1000 auid=1000 ses=3"
        ' msg=\'cwd="/home/ana" cmd=726D202D7266202F7372762F61 exe="/usr/bin/sudo" terminal=pts/0'
        " res=success'",
        {
            "host": "web1",
            "command_line": "rm -rf /srv/a",
            "working_directory": "/home/ana",
            "outcome": "accepted",
        },
    ),
    (
        "auditd",
        'type=EXECVE msg=audit(1772356366.004:9): argc=3 a0="sh" a1="-c" a2=6563686F2022C3A922',
        {"command_line": 'sh -c echo "é"', "program": None},
    ),
    (
        "auditd",
        "type=PROCTITLE msg=audit(1772356366.004:9): proctitle=7368002D6300FF",
        {"command_line": "7368002D6300FF"},  # no text: kept as it is written
    ),
    (
        "auditd",
        'type=SYSCALL msg=audit(1772356366.004:9): syscall=42 success=no exit=-111 pid=9 comm="dd"'
        ' exe="/usr/bin/dd" key=(null)\x1dSYSCALL=connect AUID="ana" UID="root"',
        {
            "program": "dd",
            "exit_code": -111,
            "outcome": "failed",
            "syscall_name": "connect",
            "user": "ana",
        },
    ),
    (
        "auditd",
        "type=SOCKADDR msg=audit(1772356366.004:9): saddr=02000016CB0071070000000000000000",
        {"peer_ip": "203.0.113.7", "peer_port": 22},
    ),
    (
        "auditd",
        "type=SOCKADDR msg=audit(1772356366.004:9): saddr=0A0001BB0000000020010DB800000000000000000000001700000000",
        {"peer_ip": "2001:0db8:0000:0000:0000:0000:0000:0017", "peer_port": 443},
    ),
    (
        "auditd",
        "Mar  1 09:12:44 web1 kernel: [12345.678901] audit: type=1400 audit(1772356364.155:17):"
        ' apparmor="DENIED" operation="open" profile="/usr/sbin/cupsd" name="/etc/shadow" pid=901 comm="cupsd"',
        {
            "host": "web1",
            "record_type": "1400",
            "outcome": "denied",
            "action": "open",
            "filename": "/etc/shadow",
            "subject_context": "/usr/sbin/cupsd",
            "pid": 901,
        },
    ),
    (
        "auditd",
        'type=AVC msg=audit(1772356364.155:18): avc:  denied  { read write } for  pid=901 comm="httpd"'
        ' name="shadow" scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:shadow_t:s0',
        {
            "outcome": "denied",
            "permissions": "read write",
            "object_context": "system_u:object_r:shadow_t:s0",
        },
    ),
    # Any program: RFC 5424, an ISO clock, programs without process, syslog's own lines.
    (
        "linux_syslog",
        "<86>1 2026-03-01T08:12:44.003Z web1.example.com su 8710 ID47 - pam_unix(su:session):"
        " session opened for user root(uid=0) by ana(uid=1000)",
        {
            "event_time": "2026-03-01 08:12:44.003000",
            "host": "web1.example.com",
            "program": "su",
            "component": "pam_unix",
            "severity": 6,
            "facility": 10,
            "user": "root",
            "outcome": "accepted",
        },
    ),
    (
        "linux_syslog",
        "2026-03-01T09:12:44.5+01:00 web1 systemd-logind[712]: New session 12 of user ana.",
        {"event_time": "2026-03-01 08:12:44.500000", "user": "ana", "pid": 712},
    ),
    (
        "linux_syslog",
        "Mar  1 04:06:18 web1 last message repeated 3 times",
        {"program": None, "message": "last message repeated 3 times", "outcome": None},
    ),
    # Java: the lines behind a message are its own.
    (
        "hadoop",
        "2026-03-01 18:05:29,570 WARN [IPC Server handler 0 on [::]:1] org.apache.hadoop.ipc.Client: Failed to"
        " connect\njava.net.NoRouteToHostException: No Route to Host\n\tat sun.reflect.X.y(Native Method)\n\n"
        "Caused by: java.net.ConnectException: Connection refused",
        {
            "thread": "IPC Server handler 0 on [::]:1",
            "message": "Failed to connect",
            "exception": "java.net.NoRouteToHostException",
        },
    ),
    (
        "hadoop",
        "2026-03-01 18:05:29,570 INFO org.apache.hadoop.hdfs.server.namenode.NameNode: task_1445144423722_0020_m_01",
        {"thread": None, "application": "application_1445144423722_0020", "details": None},
    ),
    (
        "zookeeper",
        "2026-03-01 19:04:12,394 [myid:3] - WARN  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxn@357]"
        " - Closed socket connection for client /203.0.113.5:41122 which had sessionid 0x14ed93111f20027",
        {
            "server_id": 3,
            "level": "warn",
            "component": "NIOServerCnxn",
            "source_line": 357,
            "src_ip": "203.0.113.5",
            "src_port": 41122,
            "session_id": "0x14ed93111f20027",
        },
    ),
    (
        "windows_cbs",
        "2026-03-01 04:30:31, Info                  CBS    Session: 30546354_3185714393 failed"
        " [HRESULT = 0x800F080d - X] Package_for_KB2570947~31bf3856ad364e35~amd64~~6.1.1.0, state",
        {
            "session_id": "30546354_3185714393",
            "code": "0x800f080d",
            "package": "Package_for_KB2570947~31bf3856ad364e35~amd64~~6.1.1.0",
        },
    ),
    ("healthapp", "20260224-23:9:7:9|A|1|", {"event_time": "2026-02-24 23:09:07.009000"}),
    (
        "journald",
        '{"__REALTIME_TIMESTAMP": "1772356365000001", "MESSAGE": [27, 91, 109, 195, 169], "PRIORITY": "3"}',
        {
            "event_time": "2026-03-01 09:12:45.000001",
            "message": "\x1b[mé",
            "level": "err",
            "severity": 3,
        },
    ),
    # sshd: the client chooses the name and the words of its farewell, not the address.
    (
        "sshd",
        "Mar  1 09:12:45 gw sshd[813]: Failed password for invalid user x from 192.0.2.1 port 1 from"
        " 203.0.113.9 port 38926 ssh2",
        {"user": "x from 192.0.2.1 port 1", "src_ip": "203.0.113.9", "src_port": 38926},
    ),
    (
        "sshd",
        "Mar  1 09:12:45 gw sshd-session[813]: Received disconnect from 2001:db8::17 port 22:11: Failed password"
        " for root from 192.0.2.1 port 9 ssh2 [preauth]",
        {"src_ip": "2001:db8::17", "src_port": 22, "outcome": None},
    ),
    (
        "sshd",
        "Mar  1 09:12:45 gw sshd[813]: Connection closed by authenticating user root 203.0.113.9 port 4 [preauth]",
        {"user": "root", "src_ip": "203.0.113.9", "src_port": 4},
    ),
    (
        "sshd",
        "Mar  1 09:12:45 gw sshd[813]: Failed none for invalid user  from 203.0.113.9 port 4 ssh2",
        {"user": None, "src_ip": "203.0.113.9", "outcome": "failed", "unknown_user": True},
    ),
]


@pytest.mark.parametrize(
    ("source", "text", "values"),
    DOCUMENTED,
    ids=[f"{source}-{number}" for number, (source, *_) in enumerate(DOCUMENTED)],
)
def test_lines_as_their_programs_document_them_have_their_values(
    tmp_path: Path, source: str, text: str, values: Values
) -> None:
    (event,) = read_text(source, tmp_path, text + "\n")
    event["event_time"] = str(event["event_time"])
    assert {name: event[name] for name in values} == values


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("sudo", "Mar  1 09:12:44 web1 sshd[1]: ana : TTY=pts/0 ; USER=root ; COMMAND=/bin/sh"),
        ("cron", "Mar  1 09:12:44 web1 crony[1]: (root) CMD (true)"),
        ("iptables", "Mar  1 09:12:44 fw kernel: [12345.678901] eth0: link up"),
        ("dnsmasq", "Mar  1 09:12:44 gw hostapd: wlan0: STA 00:16:3e:aa:bb:cc associated"),
        ("sshd", "Mar  1 09:12:44 gw sudo: ana : TTY=pts/0 ; USER=root ; COMMAND=/bin/sh"),
    ],
)
def test_lines_of_other_programs_in_the_same_file_are_skipped(
    tmp_path: Path, source: str, line: str
) -> None:
    file = tmp_path / "syslog"
    file.write_text(line)
    parsed, _ = read(source, file)
    assert (parsed.lines, parsed.skipped, parsed.rejects) == (1, 1, {})


@pytest.mark.parametrize(
    "source",
    [
        *("apache_error", "hadoop", "hdfs", "healthapp", "openstack", "windows_cbs", "zookeeper"),
        *("cron", "dnsmasq", "iptables", "linux_syslog", "sshd", "sudo"),
    ],
)
def test_clocks_without_a_zone_run_in_the_zone_of_the_environment(
    tmp_path: Path, source: str
) -> None:
    sample = CATALOG.sources[source].samples[0]  # of March or June: all are clocks without a zone
    (utc,) = read_text(source, tmp_path, sample)
    (local,) = read_text(source, tmp_path, sample, zone="Asia/Tokyo")
    assert utc["event_time"] - local["event_time"] == timedelta(hours=9)


@pytest.mark.parametrize("source", ["apache_access", "auditd", "bgl", "journald", "nginx", "squid"])
def test_clocks_with_a_zone_or_in_seconds_mean_the_same_in_every_environment(
    tmp_path: Path, source: str
) -> None:
    sample = CATALOG.sources[source].samples[0]
    (utc,) = read_text(source, tmp_path, sample)
    (local,) = read_text(source, tmp_path, sample, zone="Asia/Tokyo")
    assert utc == local


TEXT = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), min_size=1)


@settings(max_examples=50)
@given(agent=TEXT.filter(lambda text: text != "-"), path=TEXT)
def test_what_apache_and_nginx_escape_comes_back_as_the_client_sent_it(
    tmp_path_factory: pytest.TempPathFactory, agent: str, path: str
) -> None:
    url = "/" + path.replace(" ", "%20")
    request = '192.0.2.1 - - [01/Mar/2026:09:12:44 +0000] "GET {} HTTP/1.1" 200 5 "-" "{}"'
    apache = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (url, agent)]
    nginx = [text.replace("\\", "\\x5C").replace('"', "\\x22") for text in (url, agent)]
    directory = tmp_path_factory.mktemp("escaped")
    for source, escaped in (("apache_access", apache), ("nginx", nginx)):
        (event,) = read_text(source, directory, request.format(*escaped))
        assert (event["url"], event["user_agent"], event["status"]) == (url, agent, 200)


@settings(max_examples=50)
@given(name=st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_no_name_of_a_program_forges_another_value_of_an_audit_record(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    plain = re.fullmatch(r"[!#-~]+", name)  # else the kernel writes it in hexadecimal
    comm = f'"{name}"' if plain else name.encode(errors="replace").hex().upper()
    record = f'type=SYSCALL msg=audit(1772356366.004:9): success=no pid=9 comm={comm} exe="/bin/x" key=(null)'
    (event,) = read_text("auditd", tmp_path_factory.mktemp("audit"), record)
    assert event["program"] == name.encode(errors="replace").decode()
    assert (event["process"], event["outcome"], event["pid"]) == ("/bin/x", "failed", 9)

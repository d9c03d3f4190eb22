#!/bin/sh
# Writes the inputs that are made by hand: messages as peers send them, commands as the log has them,
# a snapshot as the reference writes it. Targets find the rest themselves.
#
# usage: sh tests/fuzz/make_seeds.sh [FOLDER]   (default: tests/fuzz/corpus)
set -eu
LC_ALL=C
export LC_ALL

folder=${1:-$(cd "$(dirname "$0")" && pwd)/corpus}

# put TARGET NAME OCTAL TEXT: the choices as printf escapes, then the text as it stands.
put()
{
    mkdir -p "$folder/$1"
    # shellcheck disable=SC2059 # escapes
    printf "$3" >"$folder/$1/seed_$2"
    printf '%s' "$4" >>"$folder/$1/seed_$2"
}

hash=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
time=2024-02-29T23:59:59.123456789+05:30

# ---- message: the choice of a type, its JSON (wire.md 3)
put message fetch_file '\000' '{"path":"cpu/2024/02/29/a.parquet","node_id":"reader-1","nonce":"'$hash'","timestamp":1700000000,"hmac":"'$hash'","byte_offset":65536,"bound_hmac":"'$hash'"}'
put message fetch_ack_ok '\001' '{"status":"ok","size_bytes":65536,"sha256":"'$hash'","byte_offset":1}'
put message fetch_ack_error '\001' '{"status":"error","code":"manifest","error":"file not in manifest","size_bytes":0,"sha256":""}'
put message forward '\002' '{"command_json":"eyJ0eXBlIjo4LCJwYXlsb2FkIjoiZXlKd1lYUm9Jam9pWVNKOSJ9","node_id":"writer-2","nonce":"'$hash'","timestamp":1700000000,"hmac":"'$hash'"}'
put message forward_numbers '\002' '{"command_json":[123,null,125],"command_json":[1,2,null,4],"node_id":"w","nonce":"","timestamp":-1,"hmac":null}'
put message forward_ack '\003' '{"status":"error","code":"not_leader","error":"not the current leader"}'
put message join '\004' '{"node_id":"n","node_name":"N","role":"reader","cluster_name":"c","raft_addr":"h:1","api_addr":"h:2","coord_addr":"h:3","version":"1","core_count":8,"auth_nonce":"00","auth_timestamp":1700000000,"auth_hmac":"ff","raft_id":18446744073709551615,"bound_fetch":true,"bound_hmac":"ff"}'
put message join_answer '\005' '{"success":true,"leader_id":"n","leader_addr":"h:1","raft_leader":"h:2","nodes":[{"id":"n","name":"N","role":"writer","state":"healthy","raft_addr":"h:1","api_addr":"","coord_addr":"h:3","core_count":1,"raft_id":7,"bound_fetch":true},null,{}],"nodes":[{"id":"m"}],"error":"e"}'
put message join_answer_null '\005' '{"success":false,"nodes":[{}],"nodes":null,"error":"no"}'
put message leader '\006' '{"leader_id":"n","leader_coord_addr":"h:1","leader_raft_addr":"h:2"}'
put message heartbeat '\007' '{"node_id":"n","state":"healthy","is_leader":true,"timestamp":"'$time'","auth_nonce":"00","auth_timestamp":5,"auth_hmac":"ff"}'
put message heartbeat_zero '\007' '{"NODE_ID":"n","\u0053TATE":"h","i\u017f_leader":false,"timestamp":"0001-01-01T00:00:00Z"}'
put message heartbeat_ack '\010' '{"node_id":"n","timestamp":"9999-12-31T23:59:59-23:59"}'
put message leave '\011' '{"node_id":"n","reason":"shutdown","auth_nonce":"00","auth_timestamp":5,"auth_hmac":"ff"}'
put message sync '\012' '{"reader_id":"n","last_known_seq":9,"nonce":"00","cluster_name":"c","timestamp":5,"hmac":"ff"}'
put message sync_ack '\013' '{"current_seq":18446744073709551615,"can_resume":true,"error":"e"}'
put message text_forms '\000' '{"path":"\u0000\b\f\n\r\t\"\\\/\ud83d\ude00\ud800x\udc00\u2028<&>","node_id":null,"unknown":[{"a":[1,-0.5e+9,true,false,null]}]}'
put message wrong_kind '\000' '{"path":1,"timestamp":1.5,"byte_offset":9223372036854775808}'

# ---- json: the part, then a document (wire.md 4)
put json document '\000' ' { "a" : [ 1 , -0 , 2.5e-7 , "x\u00e9\ud83d\ude00" , { } , [ ] ] , "b" : null , "c" : true , "d" : false } '
put json duplicate '\000' '{"a":1,"a":{"b":[[[[]]]]}}'
put json shape '\001' '{"text":"t\u2028","raw":{"x":[1]},"number":-9223372036854775808,"count":18446744073709551615,"small":255,"flag":true,"bytes":"AAECAw==","time":"'$time'","inner":{"name":"n","small":1},"items":[{"name":"a"},{"small":2},null],"later":"l"}'
put json shape_numbers '\001' '{"bytes":[0,255,null],"time":"2024-1-1","items":null,"inner":null,"raw":null}'
put json shape_again '\001' '{"items":[{"name":"a","small":1},{"name":"b"}],"items":[{"small":3}],"items":[{},{},{}],"bytes":[1,2,3],"bytes":[null,9]}'
put json shape_old '\201' '{"text":"t","later":"unknown here","TEXT":"folded","\u0074ext":"escaped"}'
put json shape_wrong '\001' '{"text":1,"number":"1","small":256,"flag":1,"bytes":{},"items":{},"inner":[]}'
put json shape_base64 '\001' '{"bytes":"AA*A"}'
put json text '\002' 'plain "quoted" \ <&> tab	'
put json base64 '\003' 'QUJD
REU='
put json time_zone '\004' "$time"
put json time_zulu '\004' '1969-12-31T23:59:60Z'
put json time_short '\004' '0000-01-01T0:00:00,5-24:60'
put json time_leap '\004' '1900-02-29T00:00:00Z'

# ---- path
put path plain '' 'cpu/2024/02/29/a.parquet'
put path climbing '' '../a/./b//c/../../d'
put path drive '' 'c:/a'
put path scheme '' 's3://bucket/a'
put path windows '' 'a\..\b'
put path dots '' '..a/...b/c..'
put path hidden 'a/.\000./b\303\251\342\200\250\377' ''
put path long '' "$(printf 'd%.0s' $(seq 1 260))/a"
put path very_long '' "$(printf 'dir/%.0s' $(seq 1 1030))a"

# ---- command: the release, then for each command 7, its type, the length and the payload's JSON
wrapped()
{
    # shellcheck disable=SC2059 # an octal escape
    put command "$1" "\\000\\007$2\\$(printf '%03o' ${#3})" "$3"
}
wrapped register '\007' '{"file":{"path":"cpu/a","sha256":"'$hash'","size_bytes":5,"database":"db","created_at":"'$time'","lsn":3}}'
wrapped update '\013' '{"file":{"path":"cpu/a","sha256":"'$hash'","size_bytes":6,"created_at":"'$time'"}}'
wrapped delete '\010' '{"path":"cpu/a","reason":"retention"}'
wrapped batch '\012' '{"operations":[{"type":8,"payload":"eyJwYXRoIjoiYSJ9"},{"type":9,"payload":"e30="}]}'
wrapped node '\001' '{"node":{"id":"node-1","name":"n","role":"writer","state":"healthy","writer_state":"primary","core_count":4,"raft_id":7,"raft_address":"h:1","joined_unix_s":5,"bound_fetch":true}}'
wrapped promote '\005' '{"node_id":"node-1","old_primary_id":"node-2"}'
wrapped demote '\006' '{"node_id":"node-1"}'
wrapped compactor '\011' '{"node_id":"node-1"}'
wrapped state '\004' '{"node_id":"node-1","new_state":"left"}'
put command promoted '\000\003\000\001\000\000\000\003\001\001\000\000\000\007\005\056' '{"node_id":"node-1","old_primary_id":"node-2"}'
put command many '\000\010\060\000\001\000\010\060\060\001\000\010\060\140\001\000\010\060\000\003\001\010\060\001\003\001\010\060\002\003\001' ''

# ---- snapshot: release, memory, form; then the document (behaviour.md 1.6)
put snapshot reference '\000\000\000' '{"nodes":{"n":{"id":"n","name":"N","role":"writer","core_count":2},"m":null},"files":{"cpu/a":{"path":"x","sha256":"'$hash'","size_bytes":5,"database":"d","created_at":"'$time'","lsn":9},"bad":{"path":"bad"},"z/null":null},"other":[1]}'
put snapshot reference_arc '\001\000\000' '{"files":{"cpu/a":{"sha256":"short","size_bytes":-5},"s3://b":{}}}'
put snapshot reference_memory '\000\030\000' '{"files":{"cpu/a":{"sha256":"'$hash'","size_bytes":5,"created_at":"'$time'"}}}'
put snapshot wrong_kind '\000\000\000' '{"files":[1]}'
put snapshot ours_empty '\000\000\001\005\000\000' ''
put snapshot ours_cut '\000\000\001\005\000\001\003cpu' ''

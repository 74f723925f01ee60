#!/bin/sh
# step.sh ID MILLISECONDS [EXIT [OUTPUT]]: notes its beginning and its end, and whether another try of the same step was under way. The lock
# is held by all its processes: whoever comes while one of them lives sees it.
folder=${0%/*}
exec 9>"$folder/locks/$1"
flock -n 9 || echo "overlap $1 $WEFT_ATTEMPT" >>"$folder/events"
read -r up rest </proc/uptime
echo "start $1 $WEFT_ATTEMPT $up" >>"$folder/events"
sleep "0.0$2"
[ -z "$4" ] || echo "$4"
read -r up rest </proc/uptime
echo "end $1 $WEFT_ATTEMPT $up" >>"$folder/events"
exit "${3:-0}"

#!/bin/sh
# Ends what newshound started when newshound itself is gone. Newshound holds this script's standard input open and writes
# "add PID" and "remove PID" lines to it; when it dies, however it dies, the input closes and every process group still listed is ended.
trap '' INT TERM HUP
groups=' '
while read -r action pid; do
  case "$action" in
    add) groups="$groups$pid " ;;
    remove) groups="${groups%% "$pid" *} ${groups#* "$pid" }" ;;
  esac
done
for pid in $groups; do kill -s TERM -- "-$pid" 2>/dev/null; done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  left=''
  for pid in $groups; do kill -s 0 -- "-$pid" 2>/dev/null && left="$left $pid"; done
  [ -z "$left" ] && exit 0
  sleep 0.5
done
for pid in $left; do kill -s KILL -- "-$pid" 2>/dev/null; done

# Runs "$@" for a parent process, and ends it when the parent has ended. The Rust side of this is supervised.rs.
#
#   stdin   a pipe whose only writer is the parent. A line is the name of a signal to send. End of file means that the
#           parent has ended, or wants the program to stop
#   stdout  first the process id of the program; then, for each line read, `sent` or `refused`
#   stderr  the log, shared with the program
#
# Exits with the status of the program, 128 + N if signal N ended it.

command -v "$1" >/dev/null || {
  echo "cannot run '$1': no such program" >&2
  exit 127
}

# The pipe is kept as descriptor 3, because a shell gives its background jobs an empty stdin.
exec 3<&0 </dev/null

(exec "$@" >&2 3<&-) &
program=$!
# Printed before the watcher starts: the program may end before the watcher runs.
echo "$program"

(
  while read -r signal <&3; do
    if kill -s "$signal" "$program"; then echo sent; else echo refused; fi
  done
  kill -s TERM "$program"
  # A paused program would not receive the TERM.
  kill -s CONT "$program"
  tenths=50
  while [ "$tenths" -gt 0 ] && kill -0 "$program"; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill -s KILL "$program"
) 2>/dev/null &
watcher=$!

# From here on only the watcher holds the two pipes, so that the other side detects its end.
exec 3<&- >/dev/null 2>&1
wait "$program"
status=$?
kill -s KILL "$watcher"
wait "$watcher"
exit "$status"

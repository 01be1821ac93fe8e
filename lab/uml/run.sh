#!/bin/bash
# The rest of init.sh, with its root as "/": run.sh JOB runs the command of
# JOB/argv in JOB/cwd, and writes how it ended to JOB/status.
set -u
umount -l /mnt
mapfile -d '' -t argv <"$1/argv"
IFS= read -r cwd <"$1/cwd"
cd "$cwd" && "${argv[@]}" </dev/null # this shell waits for what becomes its child, too: nothing stays a zombie
echo $? >"$1/status"
sync
perl -e 'syscall(169, 0xfee1dead, 672274793, 0x4321fedc, 0)' # reboot(2): power off

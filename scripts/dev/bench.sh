# ./dev bench NAME: figures of the release build, beside something else. The last line is one JSON object.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
names=$(cd bench && ls ./*_bench.cc 2>/dev/null | sed 's|^\./||; s/_bench\.cc$//' | tr '\n' ' ')

usage() {
  cat <<TEXT
usage: ./dev bench NAME [OPTIONS]      names: $names

  first [--rounds N] [--seconds S] [--cars N] [--paced-seconds S] [--seed N]
        acknowledged messages per CPU second of the edge, and bytes on the link per signal value, beside a
        stock Mosquitto with its own bridge: same cars, same load, interleaved rounds (default 5 of 5 s), then
        once at one message a second and car, where a link can batch little (default 15 s);
        JSON: messages_ratio (more is better), link_bytes_ratio (less is better), both medians with min and max,
        link_bytes_ratio_paced.
        The stock broker keeps its state in memory, where it is fastest; what each promises is printed beside.
  custody [--rounds N] [--milliseconds N] [--packed N] [--fleet N ...] [--samples N] [--nagle | --floor]
        acknowledged messages per CPU second (user and system of all of a side's threads and children), beside a stock
        Mosquitto and beside a bare loop that only reads and acknowledges; same TLS, same load, interleaved rounds
        (default 5 of 2,000 ms): packed, 100 connections with 20 messages of 200 bytes in a record, and fleets of
        1,000 and 5,000 connections with one message of 64 bytes in a record. Wayside's are durable first.
        JSON: packed_ratio, packed_of_bare, fleet_ratio, fleet_of_bare (of the fleet that does worse), medians with
        min and max; then commit latency beside a bare fdatasync and bytes written per byte accepted.
        --floor: in Mosquitto's place a loop that writes what it read to a file and acknowledges after fdatasync, with
        no session, rights, records or checksums: packed_of_durable, fleet_of_durable, and for each shape what that
        loop reaches of the bare one (packed_durable_of_bare ...): more can nobody have who acknowledges what is durable.
  spool [--rounds N] [--milliseconds N] [--read-records N]
        records a second, appended durably in groups of 1, 16 and 256 records of 200 bytes and read in order,
        beside SQLite (write-ahead log, synchronous=FULL, a transaction a group): interleaved rounds (default 7 of
        1,000 ms); JSON: append_1_ratio, append_16_ratio, append_256_ratio, read_ratio, medians with min and max,
        above 1 where the spool is faster; read_cpu_ratio is of the reading thread's CPU alone.
  recovery [--rounds N] [--megabytes N] [--seed N]
        a spool of 10 GB (default), every lane at its bound, segments of the default size, opened with cold pages as
        the broker opens it, ledger checked, after a clean stop and after kill -9 of the writer (default 3 rounds
        each); then \`wayside spool verify\` beside a plain read of the same files, cold, in interleaved rounds;
        JSON: clean_s, kill_s, broker_clean_s, broker_kill_s, bytes, verify_mb_s, disk_read_mb_s, verify_of_disk,
        disk_read_ahead_mb_s, verify_of_read_ahead, verify_rss_mb, medians with min and max. Needs 11 GB free in \$TMPDIR (default /tmp) and some minutes.

Builds the preset release and nothing else: figures of another build are none. Run it on a quiet machine.
TEXT
}

name=${1:-}; [ $# -eq 0 ] || shift
case "${1:-}" in -h|--help) usage; exit 0 ;; esac
case "$name" in
  -h|--help) usage; exit 0 ;;
  "") usage >&2; exit 2 ;;
esac
case " $names" in *" $name "*) ;; *)
  say "error: no benchmark '$name'"; near=$(nearest "$name" $names); [ -z "$near" ] || say "did you mean '$near'?"; exit 2 ;; esac

scripts/deps.sh build
build_preset release $product_targets "bench_$name"
choose_user
stage_run bench release "bench_$name"
status=0
env HOME="$stage/run" "${runner[@]}" "$stage/bin/bench_$name" --dir "$stage/run" "$@" || status=$?
if [ "$status" = 0 ]; then rm -rf "$stage"; else say "folder kept: $stage"; fi
exit "$status"

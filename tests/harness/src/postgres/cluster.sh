# Runs a cluster in the folder $1, and stops it and removes the folder once standard input ends. Its one line says
# that the folder is prepared, and where the binaries are. All further words change the account and stand before
# each Postgres command. The files `log` and `ended` (an exit status) in the folder say how it goes.
trap '' INT TERM HUP QUIT
folder=$1
shift
if ! read -r bin; then
    rm -rf -- "$folder"
    exit
fi
cd "$folder" || exit 1
(
    # A standby is a copy of its primary, whose URL is in STANDBY_OF.
    if [ -n "$STANDBY_OF" ]; then
        chmod 700 "$folder/data"
        "$@" "$bin/pg_basebackup" --pgdata="$folder/data" --dbname="$STANDBY_OF" --write-recovery-conf \
            --wal-method=stream --checkpoint=fast --no-sync
    else
        "$@" "$bin/initdb" --pgdata="$folder/data" --username=postgres --pwfile="$folder/password" \
            --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync
    fi >>log 2>&1 &&
        cat settings >>data/postgresql.conf &&
        rm -f password &&
        "$@" "$bin/postgres" -D "$folder/data" >>log 2>&1
    status=$?
    # `again` says that it was stopped to be started again, once `down` is gone.
    while [ -e again ]; do
        rm -f again
        while [ -e down ] && [ ! -e over ]; do sleep 0.05; done
        if [ -e over ]; then break; fi
        "$@" "$bin/postgres" -D "$folder/data" >>log 2>&1
        status=$?
    done
    echo $status >ended.part
    mv ended.part ended
) </dev/null &

while read -r _; do :; done

: >over
# An immediate shutdown: what the folder holds goes anyway. The group is initdb, or Postgres; a backend is in a
# session of its own, and ends with the postmaster.
tries=0
while [ ! -e ended ] && [ $tries -lt 100 ]; do
    case $tries in
    0 | 30)
        kill -QUIT 0
        postmaster=$(head -n 1 data/postmaster.pid 2>/dev/null) && kill -QUIT "$postmaster" 2>/dev/null
        ;;
    80)
        postmaster=$(head -n 1 data/postmaster.pid 2>/dev/null) && kill -KILL "$postmaster" 2>/dev/null
        ;;
    esac
    tries=$((tries + 1))
    sleep 0.1
done
cd /
rm -rf -- "$folder"

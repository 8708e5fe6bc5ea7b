# with-small-disk.sh FOLDER BYTES COMMAND...
# Runs the command where FOLDER is a file system of that size; then lists it.
# To be run by "unshare -rm", which makes the mount private.
folder=$1
mount -t tmpfs -o "size=$2" none "$folder" || exit 99
shift 2
"$@"
status=$?
echo "left: $(ls -A "$folder" | wc -l) files"
exit $status

#!/bin/sh
# The first process of the virtual machine: mounts file systems, examines each, and ends the machine.
# /payload holds the packages (site), exam.py and this file.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
export PYTHONPATH=/payload/site PYTHONDONTWRITEBYTECODE=1
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts none /dev/pts
for place in /dev/shm /run /mnt /tmp; do mount -t tmpfs none "$place"; done
word() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
ROUNDS=$(word rounds)
export ROUNDS

exam() { timeout -k 5 900 python3 /payload/exam.py "$@"; }
unavailable() { echo "$1 | mount | SKIPPED | $2"; }

# A server on 10.0.N.1 and a client on 10.0.N.2, in a network of its own, for N = 1 and 2.
create_clients() {
  ip link set lo up
  modprobe veth
  for n in 1 2; do
    ip netns add "client$n"
    ip link add "server$n" type veth peer name "eth$n" netns "client$n"
    ip addr add "10.0.$n.1/24" dev "server$n"
    ip link set "server$n" up
    ip -n "client$n" addr add "10.0.$n.2/24" dev "eth$n"
    ip -n "client$n" link set "eth$n" up
    ip -n "client$n" link set lo up
    mkdir -p "/mnt/$n"
    echo "10.0.$n.2 client$n" >> /etc/hosts
  done
}

create_export() {
  modprobe loop
  truncate -s 600M /export.img
  mkfs.ext4 -q -F /export.img
  mkdir -p /export
  mount -o loop /export.img /export
  mkdir -p /export/share
  chmod 777 /export/share
}

# NAME TYPE OPTIONS PATH-ON-SERVER: mount it from both clients, and examine one mount, then both.
examine_share() {
  umount -l /mnt/1 /mnt/2 2>/dev/null
  rm -rf /export/share/*
  for n in 1 2; do
    # A host name of its own: NFS servers tell clients apart by it.
    unshare --uts sh -c 'hostname client$0 && exec nsenter --net=/run/netns/client$0 "$@"' "$n" \
      mount -t "$2" -o "$3" "$(server "$n" "$4")" "/mnt/$n" || { unavailable "$1" "client $n"; return; }
  done
  flock /mnt/1/first true # an NFS server grants the first lock after a while
  rm -f /mnt/1/first
  examine_mounts "$1"
}

examine_mounts() {
  exam "$1-one" /mnt/1
  exam "$1-two" /mnt/1 /mnt/2
}

case $(word job) in
  nfs)
    create_export
    create_clients
    modprobe nfsd
    mount -t nfsd none /proc/fs/nfsd
    mkdir -p /run/rpcbind /var/lib/nfs/sm /var/lib/nfs/rpc_pipefs
    rpcbind -w
    rpc.statd
    echo "/export/share *(rw,no_root_squash,insecure,no_subtree_check,fsid=0)" > /etc/exports
    exportfs -ra
    echo 10 > /proc/fs/nfsd/nfsv4leasetime
    echo 10 > /proc/fs/nfsd/nfsv4gracetime
    rpc.nfsd 4
    rpc.mountd
    server() { echo "10.0.$1.1:$2"; }
    examine_share nfs4 nfs4 vers=4.2 /
    examine_share nfs4-uncached nfs4 vers=4.2,actimeo=0,lookupcache=none /
    # The lock daemon of version 3 calls back, so both mounts are in the server's network.
    server() { echo "127.0.0.1:$2"; }
    umount -l /mnt/1 /mnt/2
    for n in 1 2; do
      mount -t nfs -o vers=3,nosharecache "$(server 1 /export/share)" "/mnt/$n" || unavailable nfs3 "$n"
    done
    exam nfs3-two /mnt/1 /mnt/2
    ;;
  smb)
    create_export
    create_clients
    cat > /etc/samba/smb.conf <<'CONF'
[global]
map to guest = bad user
server min protocol = SMB2
[share]
path = /export/share
read only = no
guest ok = yes
force user = root
CONF
    mkdir -p /run/samba /var/log/samba /var/lib/samba/private
    smbd -D
    sleep 2
    modprobe cifs
    server() { echo "//10.0.$1.1$2"; }
    examine_share smb cifs guest,vers=3.1.1,nosharesock /share
    examine_share smb-uncached cifs guest,vers=3.1.1,nosharesock,cache=none,actimeo=0 /share
    ;;
  9p)
    create_export
    create_clients
    modprobe 9pnet_fd
    modprobe 9p
    diod --no-auth --no-userdb --export /export/share --listen 0.0.0.0:564
    server() { echo "10.0.$1.1"; }
    examine_share 9p 9p trans=tcp,version=9p2000.L,uname=root,aname=/export/share /
    ;;
  fuse)
    create_export
    modprobe fuse
    mkdir -p /mnt/1 /mnt/2 /mnt/ntfs
    for n in 1 2; do bindfs /export/share "/mnt/$n" || unavailable bindfs "$n"; done
    examine_mounts bindfs
    umount /mnt/1 /mnt/2
    printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' > /tmp/without-ssh
    chmod +x /tmp/without-ssh
    for n in 1 2; do
      sshfs -o ssh_command=/tmp/without-ssh any:/export/share "/mnt/$n" || unavailable sshfs "$n"
    done
    examine_mounts sshfs
    truncate -s 300M /disk.img
    mkntfs -q -F /disk.img > /dev/null 2>&1
    ntfs-3g /disk.img /mnt/ntfs && exam ntfs-3g /mnt/ntfs || unavailable ntfs-3g "no such file system"
    ;;
  local)
    modprobe loop
    for type in ext4 vfat f2fs; do
      modprobe "$type" 2>/dev/null
      rm -f /disk.img
      truncate -s 400M /disk.img
      mkdir -p "/mnt/$type"
      "mkfs.$type" /disk.img > /dev/null 2>&1 && mount -o loop /disk.img "/mnt/$type" \
        && exam "$type" "/mnt/$type" || unavailable "$type" "no such file system"
    done
    exam tmpfs /tmp
    ;;
esac
echo "guest: done"
sync
echo o > /proc/sysrq-trigger
sleep 10

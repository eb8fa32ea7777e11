# SPDX-License-Identifier: Apache-2.0
# After all packages are in; $1 is the root directory. The ssh key is in /trivet.
set -eu
cd "$1"

echo debian >etc/hostname
printf '%s\n' '127.0.0.1 localhost' '127.0.1.1 debian' '::1 localhost ip6-localhost' >etc/hosts
echo 'LABEL=root / ext4 errors=remount-ro 0 1' >etc/fstab
# a number of its own for every copy, at its first boot
: >etc/machine-id

# every Ethernet card by DHCP; names of servers through systemd-resolved
cat >etc/systemd/network/80-dhcp.network <<'END'
[Match]
Type=ether
[Network]
DHCP=yes
END

# root has no password on the console; over ssh a key is needed
chroot . passwd -q -d root
cat >etc/ssh/sshd_config.d/trivet.conf <<'END'
PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
END
mkdir -p -m 700 root/.ssh
cp trivet/key root/.ssh/authorized_keys
chmod 600 root/.ssh/authorized_keys

systemctl --root=. -q enable systemd-networkd.service ssh.service
# an interpreter on a busy host is slow, and slow is no failure
mkdir -p etc/systemd/system.conf.d
cat >etc/systemd/system.conf.d/patience.conf <<'END'
[Manager]
DefaultTimeoutStartSec=10min
DefaultTimeoutStopSec=5min
END
# no screen to log in at, and nothing that works by itself in the background
systemctl --root=. -q disable getty@tty1.service apt-daily.timer apt-daily-upgrade.timer \
	e2scrub_all.timer e2scrub_reap.service dpkg-db-backup.timer fstrim.timer

# stable names for the builder to fetch; no packages that the archive dropped
ln -sf "$(cd boot && ls -d vmlinuz-* | tail -n 1)" boot/vmlinuz
ln -sf "$(cd boot && ls -d initrd.img-* | tail -n 1)" boot/initrd.img
chroot . apt-get -q -q autoclean
# how this host reaches the mirror is nothing to the guest
echo 'Acquire::Languages "none";' >etc/apt/apt.conf.d/99mmdebstrap
# what a boot of this machine never needs, but would load modules for
systemctl --root=. -q mask systemd-repart.service systemd-pstore.service
# nothing to catch up with at the first boot
touch -r usr etc/.updated var/.updated
rm -r trivet

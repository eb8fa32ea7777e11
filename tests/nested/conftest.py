# SPDX-License-Identifier: Apache-2.0
"""One boot of the middle machine serves every test: it takes most of the time."""
import subprocess

import bed
import pytest

KERNELS = bed.ROOT / 'tests/boot/kernels'
KERNEL_FLAGS = '''-m32 -march=i686 -std=gnu11 -O1 -ffreestanding -fno-stack-protector -fno-pie
-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only -fno-strict-aliasing
-fno-toplevel-reorder -nostdlib -static -no-pie -Wl,--build-id=none
-Wl,--no-warn-rwx-segments'''.split()

# What the guest tells of its machine; the same text is taken from the soft engine.
TELL = '''
echo "cpus $(nproc)"
grep -m1 ^flags /proc/cpuinfo
sed -n 's/.*BIOS-\\(e820.*\\)/\\1/p' /tmp/dmesg
(cd /sys/firmware/acpi/tables; for t in *; do [ ! -f $t ] || md5sum $t; done)
for d in /sys/bus/pci/devices/*; do
    echo "pci ${d##*/} $(cat $d/vendor $d/device $d/class $d/subsystem_device | tr '\\n' ' ')"
    sed 's/^/    /' $d/resource
done
ls /sys/bus/virtio/devices | sed 's/^/virtio /'
'''

DISK = '''
echo "disk $(cat /sys/block/vda/size)"
head -c 16 /dev/vda
echo written-by-the-guest > /tmp/x
dd if=/tmp/x of=/dev/vda bs=512 count=1 seek=1 conv=fsync 2>/dev/null
cat > /tmp/dhcp <<'EOF'
#!/bin/sh
[ "$1" != bound ] || { ip addr add $ip/$mask dev $interface; ip route add default via $router; echo "DHCP $ip"; }
EOF
chmod +x /tmp/dhcp
ip link set eth0 up
udhcpc -i eth0 -n -q -s /tmp/dhcp 2>&1 | grep DHCP
ping -c 3 -W 5 10.0.2.2 | grep received
sed 's/^/irq /' /proc/interrupts
'''

# test.reset: the first boot resets the machine by the reset register, the second ends.
GUEST = f'''
if grep -q test.reset /proc/cmdline; then
    if head -c 5 /dev/vda | grep -q again; then
        echo "BOOTED again"; poweroff -f
    fi
    echo again | dd of=/dev/vda bs=512 count=1 conv=fsync 2>/dev/null
    reboot -f
fi
dmesg > /tmp/dmesg
echo TELL BEGIN
{TELL}
echo TELL END
{DISK}
dmesg -r | grep '^<[0-3]>' | sed 's/^/KERNEL /'
'''

# noxsave: QEMU's SVM does not intercept XSETBV (7.2), so KVM never learns the guest's XCR0 there.
VMFILE = '''
name: nested
memory: 256M
cpus: 2
kernel: vmlinuz
initrd: initrd
append: console=ttyS0 panic=-1 noxsave
disks: [disk.img]
net: [user]
timeout: 170
'''

MAKE_DISK = 'echo made-by-the-host > disk.img; truncate -s 4M disk.img'

# What is said of KVM, what auto takes, and KVM asked for; in the shell's quotes.
CHOOSE = ('trivet engines; trivet run --kernel /g/hello.elf </dev/null; echo "AUTO $?"; '
          'trivet run --engine kvm --kernel /g/hello.elf </dev/null; echo "RESULT $?"; '
          'echo "LINES $(trivet run --kernel /g/missing 2>&1 | wc -l)"')

STEPS = [
    ('unit', 'test_kvm'),
    ('engines', 'trivet engines'),
    ('boot', f'cp /g/* /tmp; cd /tmp; {MAKE_DISK}\n'
             'trivet run vm.yaml --stats </dev/null; r=$?; echo "RESULT $r"\n'
             'echo "DISK $(dd if=disk.img bs=512 skip=1 count=1 2>/dev/null | head -n 1)"; exit $r'),
    ('crash', 'trivet run --kernel /g/triple.elf </dev/null; echo "RESULT $?"'),
    ('hugepages', 'run() { trivet run --hugepages --memory 64M --kernel /g/spin.elf --timeout 3 </dev/null; }\n'
                  'run; echo 40 > /proc/sys/vm/nr_hugepages; echo RESERVED\n'
                  'run & sleep 2; grep HugePages_Rsvd /proc/meminfo; grep HugePages_Free /proc/meminfo; wait\n'
                  'echo 0 > /proc/sys/vm/nr_hugepages'),
    ('reset', 'cd /tmp; trivet run vm.yaml --cpus 1 --append "console=ttyS0 panic=-1 noxsave test.reset"'
              ' </dev/null; echo "RESULT $?"'),
    ('no_permission', 'echo nobody:x:65534:65534::/:/bin/sh > /etc/passwd; chmod 755 /\n'
                      f"su -s /bin/sh nobody -c '{CHOOSE}'"),
    ('software_module', "sed 's/^kvm_amd /kvm_pvm /' /proc/modules > /tmp/modules\n"
                        f'mount --bind /tmp/modules /proc/modules\n{CHOOSE}; umount /proc/modules'),
    ('no_module', f'rmmod kvm_amd; {CHOOSE}'),
    ('no_device', f'rm -f /dev/kvm; {CHOOSE}'),
]


@pytest.fixture(scope='session')
def work(tmp_path_factory):
    return tmp_path_factory.mktemp('nested')


@pytest.fixture(scope='session')
def inner(work):
    """The VM file's directory: the same files for both engines."""
    bed.guest_initrd(work / 'initrd', GUEST)
    (work / 'vmlinuz').write_bytes((bed.GUEST / 'vmlinuz').read_bytes())
    (work / 'vm.yaml').write_text(VMFILE)
    return work


@pytest.fixture(scope='session')
def steps(inner):
    for name in ('triple', 'spin', 'hello'):
        subprocess.run(['gcc', *KERNEL_FLAGS, f'-Wl,-T,{KERNELS}/kernel.ld', '-o',
                        inner / f'{name}.elf', KERNELS / 'start.S', KERNELS / f'{name}.c'],
                       check=True)
    names = ('vmlinuz', 'initrd', 'vm.yaml', 'triple.elf', 'spin.elf', 'hello.elf')
    files = {f'/g/{n}': inner / n for n in names}
    found, text = bed.run(inner, STEPS, {'/bin/test_kvm': bed.ROOT / 'build/nested/test_kvm',
                                         **files})
    missing = [name for name, _ in STEPS if name not in found]
    assert not missing, f'{missing} did not end:\n{text[-8000:]}'
    return found


@pytest.fixture(scope='session')
def soft(inner):
    """The same VM file on the soft engine, here."""
    subprocess.run(MAKE_DISK, shell=True, cwd=inner, check=True)
    done = subprocess.run([bed.TRIVET, 'run', 'vm.yaml', '--engine', 'soft'], cwd=inner,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=180, check=False)
    return bed.Step(done.stdout.decode(errors='replace'), done.returncode)

"""The processes of one emulated host: QEMU, and a virtiofsd for each shared directory. They talk over sockets that have
no name, so nothing stays in the file system; and the kernel ends them should the launcher be killed."""

import os
import socket
import subprocess
import tempfile

from . import wire
from .options import HostUnavailable

VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet loglevel=1 panic=-1 oops=panic nokaslr mitigations=off no_timer_check tsc=reliable "
    # Every page is cleared by the processor before it is used again: virtiofsd writes to memory behind TCG's back, which
    # would else go on executing what it translated from the page's former content.
    "init_on_alloc=1 "
    # Nothing runs on CPU 0 but what must. Whenever any emulated CPU loads x87 state, TCG rewrites the SVM flags of CPU 0
    # (cpu_clear_ignne() in target/i386/tcg of QEMU, not atomic and from another thread): a guest that runs there would
    # now and then go on in the host's address space, or the host in the guest's.
    "isolcpus=managed_irq,domain,0 "
    # What costs emulated time and has no use here: security modules, tables for a large server, a measured delay loop
    # (delays go by the TSC; the value is that of 5 GHz, so that none is too short).
    "lsm= audit=0 cryptomgr.notests random.trust_cpu=on 8250.nr_uarts=1 lpj=20000000 "
    "thash_entries=8192 uhash_entries=1024 dhash_entries=65536 ihash_entries=65536"
)
PORTS = {wire.CONTROL: "control", wire.STDIN: "stdin", wire.STDOUT: "stdout", wire.STDERR: "stderr"}


class Machine:
    """Started on creation; `ports` and `console` are its sockets. `end()` on every path."""

    def __init__(self, options, kernel, initrd, qemu, shares):
        self.processes, self.devices, self.inherited = [], [], []
        self.ports, self.console = {}, None
        self.qemu_log, self.daemon_log = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        try:
            for tag, directory in shares.items():
                self.share(tag, directory)
            for number, name in PORTS.items():
                self.ports[number] = self.socket_device(name)
                self.devices += ["-device", f"virtserialport,bus=serial.0,nr={number},chardev={name},name={name}"]
            self.console = self.socket_device("console")
            self.start_qemu(options, kernel, initrd, qemu)
        except BaseException:
            self.end()
            raise
        finally:
            for inherited in self.inherited:
                inherited.close()

    def spawn(self, command, inherited, log):
        """Starts a process that dies with us, in a group of its own: a terminal's Ctrl-C is the launcher's to handle.
        Not in a session of its own, as the scheduler's autogroups would then set it against whole build sessions."""
        self.processes.append(
            subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[end.fileno() for end in inherited],
                process_group=0,
            )
        )

    def socket_device(self, name):
        ours, theirs = socket.socketpair()
        self.inherited.append(theirs)
        self.devices += ["-chardev", f"socket,id={name},fd={theirs.fileno()}"]
        return ours

    def share(self, tag, directory):
        """A virtiofsd that serves `directory`, already connected: nothing has to wait for its socket. What was read once
        stays cached: with less, a program's pages would be read anew whenever it starts."""
        daemon = next((path for path in VIRTIOFSD if os.access(path, os.X_OK)), None)
        if daemon is None:
            raise HostUnavailable("virtiofsd is missing; make setup installs qemu-system-x86, which has it")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")  # an abstract name that the kernel chooses
            listener.listen(1)
            command = [daemon, f"--fd={listener.fileno()}", "-o", f"source={directory},cache=always,sandbox=chroot"]
            self.spawn(command, [listener], self.daemon_log)
            connection = socket.socket(socket.AF_UNIX)
            self.inherited.append(connection)
            connection.connect(listener.getsockname())
        self.devices += ["-chardev", f"socket,id={tag},fd={connection.fileno()}"]
        self.devices += ["-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]

    def start_qemu(self, options, kernel, initrd, qemu):
        memory = f"memory-backend-memfd,id=mem,size={options.mib}M,share=on"
        command = [*qemu, "-M", "q35,memory-backend=mem,vmport=off,i8042=off,sata=off,smbus=off", "-accel", "tcg,thread=multi"]
        # Without fast string instructions: where there are, kernels clear and copy pages by bytes, which TCG does one by
        # one; a guest boots in half the time without.
        command += ["-cpu", "max,-la57,-erms,-fsrm", "-smp", str(options.cpus + 1), "-m", str(options.mib), "-object", memory]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "chardev:console"]
        command += ["-device", "virtio-serial-pci,id=serial,max_ports=8", *self.devices]
        arguments = f"{KERNEL_ARGUMENTS} irqaffinity=1-{options.cpus}"
        command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", arguments]
        self.spawn(command, self.inherited, self.qemu_log)

    def has_ended(self):
        return self.processes[-1].poll() is not None

    def messages(self):
        """What virtiofsd said, and QEMU after it."""
        said = b""
        for log in (self.daemon_log, self.qemu_log):
            log.seek(0)
            said += log.read()
        return said.decode(errors="replace")

    def end(self):
        """Ends every process and waits for it."""
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.wait()
        for end in [*self.ports.values(), self.console]:
            if end is not None:
                end.close()

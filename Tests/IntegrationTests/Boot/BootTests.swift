import LinuxSystem
import TestSupport
import Testing

/// `czone boot`: Linux on the bare VM.
@Suite(.needsKVM, .serialized) struct BootTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func start(_ script: String, _ arguments: [String] = []) throws -> Program {
        let name = "initrd-\(RandomBytes.bytes(4).map { String($0, radix: 16) }.joined())"
        let disk = try directory.write(name, try BusyboxGuest.initialRAMDisk(script))
        // Warnings on the console too: a test looks for them.
        return try Program("czone", ["boot", "--initrd", disk, "--append", "loglevel=5"] + arguments)
    }

    private func boot(_ script: String, _ arguments: [String] = []) throws -> ProgramResult {
        try start(script, arguments).result()
    }

    /// What must not be in a console's log.
    private static let troubles = ["Oops", "WARNING:", "BUG:", "stall", "Call Trace", "Kernel panic", "lockup"]

    private func expectCalmBoot(_ result: ProgramResult, _ comment: Comment) {
        #expect(result.status == 0, comment)
        #expect(!result.timedOut, comment)
        #expect(result.output.contains(BusyboxGuest.greeting), comment)
        for trouble in Self.troubles { #expect(!result.output.contains(trouble), comment) }
    }

    @Test(arguments: [1, 2, 4]) func reachesInitWithAllItsProcessors(cpus: Int) throws {
        let result = try boot("echo processors=$(nproc)", ["--cpus", "\(cpus)"])
        expectCalmBoot(result, "\(result.output)\(result.error)")
        #expect(result.output.contains("processors=\(cpus)"))
    }

    /// CZONE_BOOTS says how many; the promise is 50 of 50, which takes some minutes in the emulated host.
    @Test func reachesInitEveryTime() throws {
        let boots = CurrentProcess.environment("CZONE_BOOTS").flatMap { Int($0) } ?? 14
        for round in 0..<(boots / 2) {
            let result = try boot("", ["--cpus", "\([1, 2, 4][round % 3])"])
            expectCalmBoot(result, "boot \(round): \(result.output)\(result.error)")
        }
        // The others four at a time, every second four with both cores of the host loaded.
        for group in 0..<((boots - boots / 2 + 3) / 4) {
            let load = try group % 2 == 0 ? [] : (0..<2).map { _ in try Program("sh", ["-c", "while :; do :; done"]) }
            defer {
                for program in load {
                    sendSignal(9, to: program.processID)
                    _ = try? program.result()
                }
            }
            let programs = try (0..<4).map { try start("", ["--cpus", "\([1, 2, 4, 1][$0])"]) }
            for (index, program) in programs.enumerated() {
                let result = try program.result()
                expectCalmBoot(result, "group \(group), VM \(index): \(result.output)\(result.error)")
            }
        }
    }

    @Test func aPanicEndsTheProcessWithItsOwnStatus() throws {
        let result = try boot("echo c > /proc/sysrq-trigger")
        #expect(result.status == 3, "\(result.error)")
        #expect(result.error.contains("the guest's kernel panicked"))
    }

    @Test func aResetEndsTheProcessWithItsOwnStatus() throws {
        let result = try boot("reboot -f")
        #expect(result.status == 4, "\(result.error)")
        #expect(result.error.contains("the guest reset itself"))
    }

    @Test func theGuestSeesSixtyFourZonesAndTheirDistances() throws {
        let result = try boot(
            """
            echo possible=$(cat /sys/devices/system/node/possible)
            echo distance=$(cat /sys/devices/system/node/node0/distance)
            dmesg | grep -c 'SRAT: Node' | sed 's/^/srat=/'
            """, ["--zones", "64"])
        expectCalmBoot(result, "\(result.output)")
        #expect(result.output.contains("possible=0-64"))
    }

    @Test func theDeviceTreeIsReadableInTheGuest() throws {
        let result = try boot(
            """
            for entry in /sys/kernel/boot_params/setup_data/*; do
                echo type=$(cat $entry/type)
                strings -n 6 $entry/data 2>/dev/null || tr -c '[:print:]' '\\n' < $entry/data
            done
            """, ["--zones", "3"])
        expectCalmBoot(result, "\(result.output)")
        #expect(result.output.contains("type=0x2"))
        #expect(result.output.contains("czone,machine"))
        #expect(result.output.contains("zone@"))
    }

    @Test func entropyComesFromTheHost() throws {
        let result = try boot(
            """
            echo source=$(cat /sys/class/misc/hw_random/rng_current)
            mount -t devtmpfs dev /dev
            head -c 16 /dev/hwrng | wc -c | sed 's/^/bytes=/'
            """)
        #expect(result.output.contains("source=virtio_rng"), "\(result.output)")
        #expect(result.output.contains("bytes=16"))
    }
}

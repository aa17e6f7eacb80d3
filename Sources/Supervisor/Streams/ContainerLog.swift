import LinuxSystem

/// A container's log in the form that CRI defines (kubernetes CRI logging): `TIME STREAM TAG LINE`, the tag `F` for a
/// whole line, `P` for a part of one.
final class ContainerLog {
    enum Stream: String {
        case output = "stdout"
        case error = "stderr"
    }

    /// A file that is full starts again: a container cannot fill the host's disk.
    private static let mostBytes = 64 << 20
    /// A longer line is written in parts.
    private static let mostLineBytes = 16 << 10

    private let file: OwnedDescriptor
    private var written = 0
    private var unfinished: [Stream: [UInt8]] = [:]

    init(_ file: OwnedDescriptor) { self.file = file }

    func append(_ bytes: [UInt8], _ stream: Stream) {
        var line = unfinished.removeValue(forKey: stream) ?? []
        var entries: [UInt8] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                entries += entry(line, stream, isWhole: true)
                line = []
            } else {
                line.append(byte)
                if line.count == Self.mostLineBytes {
                    entries += entry(line, stream, isWhole: false)
                    line = []
                }
            }
        }
        if !line.isEmpty { unfinished[stream] = line }
        write(entries)
    }

    /// The stream has ended: what is left is a line without an end.
    func finish(_ stream: Stream) {
        guard let line = unfinished.removeValue(forKey: stream) else { return }
        write(entry(line, stream, isWhole: false))
    }

    private func entry(_ line: [UInt8], _ stream: Stream, isWhole: Bool) -> [UInt8] {
        Array("\(Timestamp(nanoseconds: WallClock.nanoseconds)) \(stream.rawValue) \(isWhole ? "F" : "P") ".utf8) + line
            + [UInt8(ascii: "\n")]
    }

    private func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        if written + bytes.count > Self.mostBytes {
            guard (try? file.truncate()) != nil else { return }
            written = 0
        }
        written += bytes.count
        // A full disk is no reason to stop the container.
        try? file.write(all: bytes)
    }
}

/// A point in time as RFC 3339 has it, in UTC with nanoseconds.
struct Timestamp: CustomStringConvertible {
    let nanoseconds: UInt64

    var description: String {
        let seconds = nanoseconds / 1_000_000_000
        let (year, month, day) = Self.date(daysSince1970: Int(seconds / 86400))
        let time = seconds % 86400
        return
            "\(year)-\(two(month))-\(two(day))T\(two(Int(time / 3600))):\(two(Int(time / 60 % 60))):\(two(Int(time % 60)))"
            + "." + padded(String(nanoseconds % 1_000_000_000), to: 9) + "Z"
    }

    private func two(_ number: Int) -> String { padded(String(number), to: 2) }

    private func padded(_ text: String, to width: Int) -> String {
        String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// The proleptic Gregorian date; years are counted from March, so that the leap day comes last.
    static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

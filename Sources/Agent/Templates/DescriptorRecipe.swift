/// How a descriptor of a template is made anew in a copy. Descriptors that cannot be refuse the template.
struct DescriptorRecipe {
    enum Kind {
        /// A file, directory or device of the container's own: opened by its path, at an offset.
        case file(path: String, offset: Int64)
        case event(count: UInt32, isSemaphore: Bool)
        /// The descriptors that it watches are made before it.
        case poll([PollEntry])
        case timer(clock: Int32, value: [UInt64], interval: [UInt64])
        case signals(mask: UInt64)
        case socket(SocketDescription)
        /// An end of a pipe: the one to read from, with what waits in it, or to write to. Both have the same number.
        case pipe(number: UInt64, isReading: Bool, contents: [UInt8])
        /// An end of a pair of Unix sockets of this type: the first or the second of the pair of this number.
        case pair(number: UInt64, type: Int32, isFirst: Bool)
        /// One more descriptor of what another one is of.
        case duplicate(of: Int32)
    }

    struct PollEntry {
        let descriptor: Int32
        let events: UInt32
        let data: UInt64
    }

    /// The number that it has.
    let descriptor: Int32
    /// open(2) flags: access mode, O_NONBLOCK, O_APPEND and the like.
    let flags: Int32
    let closesOnExecution: Bool
    let kind: Kind

    /// Polls come last, and those that watch other polls after them.
    var rank: Int {
        switch kind {
        case .poll: 2
        case .duplicate: 1
        default: 0
        }
    }
}

/// What the kernel reports of an open descriptor (/proc/PID/fdinfo/N).
struct DescriptorInformation {
    private static let closeOnExecution: Int32 = 0o2000000

    let text: TextFile
    let flags: Int32
    let closesOnExecution: Bool

    init(_ process: Int32, _ descriptor: Int32) {
        text = TextFile("/proc/\(process)/fdinfo/\(descriptor)")
        let all = Int32(truncatingIfNeeded: DescriptorInformation.octal(text.rest(after: "flags")))
        closesOnExecution = all & DescriptorInformation.closeOnExecution != 0
        flags = all & ~DescriptorInformation.closeOnExecution
    }

    var offset: Int64 { Int64(truncatingIfNeeded: text.number(after: "pos")) }
    var mount: UInt64 { text.number(after: "mnt_id") }

    var event: DescriptorRecipe.Kind {
        .event(
            count: UInt32(truncatingIfNeeded: hexadecimal("eventfd-count")),
            isSemaphore: text.number(after: "eventfd-semaphore") == 1)
    }

    var signals: DescriptorRecipe.Kind { .signals(mask: hexadecimal("sigmask")) }

    /// Nil where its clock is of a kind that cannot be made again.
    var timer: DescriptorRecipe.Kind? {
        guard let value = pair("it_value"), let interval = pair("it_interval") else { return nil }
        return .timer(
            clock: Int32(truncatingIfNeeded: text.number(after: "clockid")), value: value, interval: interval)
    }

    var poll: DescriptorRecipe.Kind {
        var entries: [DescriptorRecipe.PollEntry] = []
        for line in text.bytes.split(separator: 0x0A) {
            guard let rest = line.dropping("tfd") else { continue }
            let words = rest.split(separator: 0x20)
            // tfd: N events: HEX data: HEX …
            guard words.count >= 5 else { continue }
            entries.append(
                DescriptorRecipe.PollEntry(
                    descriptor: Int32(truncatingIfNeeded: TextFile.number(in: words[0])),
                    events: UInt32(truncatingIfNeeded: TextFile.hexadecimal(in: words[2]).value),
                    data: TextFile.hexadecimal(in: words[4]).value))
        }
        return .poll(entries)
    }

    private func hexadecimal(_ word: StaticString) -> UInt64 {
        TextFile.hexadecimal(in: text.rest(after: word).drop { $0 == 0x20 || $0 == 0x09 }).value
    }

    /// "(seconds, nanoseconds)".
    private func pair(_ word: StaticString) -> [UInt64]? {
        let rest = text.rest(after: word)
        guard let open = rest.firstIndex(of: UInt8(ascii: "(")), let comma = rest.firstIndex(of: UInt8(ascii: ","))
        else { return nil }
        return [TextFile.number(in: rest[(open + 1)...]), TextFile.number(in: rest[(comma + 1)...])]
    }

    private static func octal(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0
        for byte in bytes.drop(while: { $0 == 0x20 || $0 == 0x09 }) {
            guard byte >= 0x30, byte <= 0x37 else { break }
            value = value << 3 | UInt64(byte - 0x30)
        }
        return value
    }
}

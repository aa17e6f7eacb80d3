import Glibc
import LinuxSystem

/// Shows something again and again until the user has seen enough.
enum Screen {
    /// Draws what `frame` gives every so often; on a terminal in place, else one after the other.
    static func watch(everyMilliseconds interval: CInt, _ frame: () throws -> String) throws {
        let signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP, SIGWINCH])
        let isTerminal = Terminal(StandardStream.output.descriptor) != nil
        // The cursor hides while drawing goes on (DECTCEM) and comes back on every way out.
        if isTerminal { printOutput(Array("\u{1B}[?25l\u{1B}[2J".utf8)) }
        defer { if isTerminal { printOutput(Array("\u{1B}[?25h".utf8)) } }
        while true {
            let text = try frame()
            if isTerminal {
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                printOutput(
                    Array(("\u{1B}[H" + lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J").utf8))
            } else {
                try StandardStream.output.descriptor.write(all: Array((text + "\n").utf8))
            }
            _ = try wait(for: [(signals.descriptor, .readable)], timeoutInMilliseconds: interval)
            while let signal = signals.next() {
                if signal != SIGWINCH { return isTerminal ? printOutput("") : () }
            }
        }
    }
}

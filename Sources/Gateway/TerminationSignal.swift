import Dispatch
import Glibc

/// SIGTERM and SIGINT, as something to wait for.
enum TerminationSignal {
    /// Until one of them comes.
    static func wait() async throws {
        let (signals, sink) = AsyncStream.makeStream(of: Int32.self)
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { sink.yield(number) }
            source.activate()
            return source
        }
        for await _ in signals { break }
        for source in sources { source.cancel() }
    }
}

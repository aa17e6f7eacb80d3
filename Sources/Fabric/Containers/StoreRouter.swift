import HTTPExchange
import NIOCore
import NIOHTTP1

/// Looks at a container's requests, and makes the exchanges of those that its policy allows. Any event loop may use it.
final class StoreRouter: Routing {
    private let served: ServedPolicy
    private let counters: ContainerCounters

    init(_ served: ServedPolicy, _ counters: ContainerCounters) {
        self.served = served
        self.counters = counters
    }

    func exchange(for head: HTTPRequestHead, _ front: FrontHandler) -> any FrontExchange {
        guard let channel = front.channel else { return AnsweredExchange() }
        do throws(StoreFault) {
            let request = try StoreRequest(head, for: served.policy)
            let exchange = StoreExchange(
                request, of: served, counters, front,
                awaitsContinue: head.headers.first(name: "expect")?.lowercased() == "100-continue",
                on: channel.eventLoop)
            exchange.begin()
            return exchange
        } catch {
            counters.refused()
            front.answer(error, to: head.uri)
            return AnsweredExchange()
        }
    }
}

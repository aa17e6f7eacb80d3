/// External calls. The host numbers them from 0 in their order.
enum Calls {
    static let maxCalls: UInt32 = 64

    static func fetch(_ arguments: Arguments) -> Value {
        if !arguments[0].isString { abort(.type) }
        if state.mark == 0 { abort(.state) }
        let request = makeObject(4)
        setProperty(request, Name.url.value.address, arguments[0])
        copyOptions(arguments[1], to: request)
        if state.callCount == maxCalls { abort(.calls) }
        if state.calls == 0 { state.calls = allocate(maxCalls &* 8) }
        let promise = Promises.make()
        let number = state.callCount
        store64(state.calls &+ number &* 8, promise)
        state.callCount = number &+ 1
        let text = JSONText.make(request, .undefined, .undefined)
        let bytes = UTF8Text.encode(text.address)
        hostFetch(number, bytes.start, bytes.count)
        return promise
    }

    /// Method, headers and body, of strings alone.
    private static func copyOptions(_ options: Value, to request: Value) {
        if options == .undefined { return }
        guard options.isObject else { abort(.type) }
        for place in 0..<Objects.count(options.address) {
            let key = Objects.key(options.address, place)
            let value = Objects.value(options.address, place)
            switch Text.name(key) {
            case .method, .body:
                if value == .undefined { continue }
                if !value.isString { abort(.type) }
            case .headers:
                if !value.isObject { abort(.type) }
                for header in 0..<Objects.count(value.address) {
                    if !Objects.value(value.address, header).isString { abort(.type) }
                }
            default: abort(.type)
            }
            setProperty(request, key, value)
        }
    }

    /// A response: 0 kind   4 status   8 body's text   16 headers   24 whether its body was read.
    static func makeResponse(_ status: UInt32, _ body: Address, _ headers: Value) -> Value {
        let address = allocate(32)
        store32(address, SpecialKind.response)
        store32(address &+ 4, status)
        store32(address &+ 8, body)
        store64(address &+ 16, headers)
        return Value(Tag.special, at: address)
    }

    static func getResponse(_ response: Value, _ name: Name) -> Value {
        let status = load32(response.address &+ 4)
        switch name {
        case .status: return Value(count: status)
        case .ok: return Value(truth: (200..<300).contains(status))
        case .headers:
            let address = allocate(16)
            store32(address, SpecialKind.headers)
            store64(address &+ 8, load64(response.address &+ 16))
            return Value(Tag.special, at: address)
        default: abort(.type)
        }
    }

    /// `text()` and `json()`: the promise is fulfilled after all microtasks, as a body's stream is read.
    static func callResponse(_ response: Value, _ name: Name) -> Value {
        guard name == .text || name == .json else { abort(.type) }
        if load32(response.address &+ 24) != 0 { abort(.exception) }
        store32(response.address &+ 24, 1)
        let promise = Promises.make()
        let reading = allocate(24)
        store32(reading &+ 4, promise.address)
        store32(reading &+ 8, load32(response.address &+ 8))
        store32(reading &+ 12, name == .json ? 1 : 0)
        if state.lastReading == 0 { state.firstReading = reading } else { store32(state.lastReading, reading) }
        state.lastReading = reading
        return promise
    }

    /// Gives one body that is waited for; whether there was one.
    static func readBody() -> Bool {
        let reading = state.firstReading
        if reading == 0 { return false }
        state.firstReading = load32(reading)
        if state.firstReading == 0 { state.lastReading = 0 }
        let body = load32(reading &+ 8)
        let value = load32(reading &+ 12) == 1 ? JSONReader.read(body) : Value(Tag.string, at: body)
        Promises.resolve(load32(reading &+ 4), value)
        return true
    }

    /// What is no header's name is an exception: only the plainest names are none.
    private static func checkToken(_ name: Address) {
        if Text.length(name) == 0 { abort(.exception) }
        for place in 0..<Text.length(name) {
            switch Text.unit(name, place) {
            case 45, 48...57, 65...90, 95, 97...122: continue
            default: abort(.exception)
            }
        }
    }

    /// `get` by a name in any case, of headers whose names are in lower case.
    static func callHeaders(_ headers: Value, _ name: Name, _ arguments: Arguments) -> Value {
        guard name == .get || name == .has, arguments[0].isString else { abort(.type) }
        checkToken(Text.flatten(arguments[0].address))
        let lower = callStringMethod(Text.flatten(arguments[0].address), .toLowerCase, Arguments(count: 0, list: 0))
        let fields = load64(headers.address &+ 8).address
        let place = Objects.find(fields, Interning.intern(lower.address))
        if name == .has { return Value(truth: place != nil) }
        return place.map { Objects.value(fields, $0) } ?? .null
    }
}

/// Answers an external call: its status, a JSON object of headers, the body. Status 0: it has failed, which is an exception.
@_cdecl("czone_resume")
public func resume(
    _ call: UInt32, _ status: UInt32, _ headers: UInt32, _ headersLength: UInt32, _ body: UInt32, _ bodyLength: UInt32
) {
    if call >= state.callCount { abort(.violation) }
    if status == 0 { abort(.exception) }
    let fields = JSONReader.read(UTF8Text.decode(headers, headersLength))
    guard fields.isObject else { abort(.violation) }
    // A mark of byte order is no text.
    let hasMark = bodyLength >= 3 && load8(body) == 0xef && load8(body &+ 1) == 0xbb && load8(body &+ 2) == 0xbf
    let skipped: UInt32 = hasMark ? 3 : 0
    let text = UTF8Text.decode(body &+ skipped, bodyLength &- skipped)
    Promises.fulfill(load64(state.calls &+ call &* 8).address, Calls.makeResponse(status, text, fields))
    Events.run()
}

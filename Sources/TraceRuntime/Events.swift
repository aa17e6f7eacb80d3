/// The life of an event in this memory: begin (once, when compiled), start, then resume for each external call's answer.
enum Events {
    /// Answers the event: JSON text, or nothing for what has none.
    static func answer(_ value: Value) {
        let text = JSONText.make(value, .undefined, .undefined)
        if text == .undefined { return hostAnswer(0, 0) }
        let bytes = UTF8Text.encode(text.address)
        hostAnswer(bytes.start, bytes.count)
    }

    /// Until there is nothing to do before an external call is answered.
    static func run() {
        repeat { while Promises.run() {} } while Calls.readBody()
    }
}

/// Makes the heap, and interns the strings of a program: their addresses lie in a list.
@_cdecl("czone_begin") public func begin(_ heap: UInt32, _ literals: UInt32, _ count: UInt32) {
    state.heapTop = heap
    for place in 0..<count { _ = Interning.intern(load32(literals &+ place &* 4)) }
    state.characters = allocate(1028)
    for unit in 0..<UInt32(257) {
        let text = Text.make(length: unit < 256 ? 1 : 0, isWide: false)
        if unit < 256 { store8(text &+ Text.header, UInt8(unit)) }
        store32(state.characters &+ unit &* 4, Interning.intern(text))
    }
    // By number, not by `allCases`, which would be an array of the heap's.
    var number: UInt16 = 1
    while let name = Name(rawValue: number) {
        Text.setName(name.value.address, name)
        number += 1
    }
}

/// What was made until now outlives events: they may read it. The program's exports are `value`.
@_cdecl("czone_seal") public func seal(_ value: Value) {
    if value.isObject {
        for name in [Name.handle, .handler] {
            guard let place = Objects.find(value.address, name.value.address) else { continue }
            state.handler = Objects.value(value.address, place)
            break
        }
    } else {
        state.handler = value
    }
    if state.handler.tag != Tag.function { abort(.type) }
    if state.firstTask != 0 || state.callCount != 0 { abort(.state) }
    state.mark = state.heapTop
}

/// Begins an event: a JSON array of the handler's arguments.
@_cdecl("czone_start") public func start(_ event: UInt32, _ length: UInt32) {
    let arguments = JSONReader.read(UTF8Text.decode(event, length))
    guard arguments.isArray else { abort(.exception) }
    let count = Arrays.length(arguments.address)
    let result = callValue(state.handler, .undefined, count, load32(arguments.address &+ 8))
    Promises.answer(with: result)
    Events.run()
}

/// Ends the event for a reason that compiled code has.
@_cdecl("czone_abort") public func exportedAbort(_ reason: UInt32) {
    abort(AbortReason(rawValue: Int32(reason)) ?? .violation)
}

/// Promises (ECMA-262, 27.2): 0 kind   4 whether fulfilled   8 value   16 first reaction   20 last one.
///
/// None is ever rejected: what would reject one is an exception, and ends the event.
///
/// A reaction, and the task that it becomes: 0 next   4 kind   8 target   12 number   16 value   24 function.
enum Promises {
    private enum Kind {
        /// Target: an async function's frame, which goes on.
        static let resume: UInt32 = 0
        /// Target: a promise, which is fulfilled with the value.
        static let pass: UInt32 = 1
        /// Target: a promise, to be resolved as the promise in `value` is (NewPromiseResolveThenableJob).
        static let follow: UInt32 = 2
        /// Target: a promise for an array, whose element `number` it is.
        static let element: UInt32 = 3
        /// Target: the promise of what the function makes of the value.
        static let then: UInt32 = 4
        /// The event is answered with the value.
        static let answer: UInt32 = 5
    }

    static func make() -> Value {
        let address = allocate(24)
        store32(address, SpecialKind.promise)
        return Value(Tag.special, at: address)
    }

    private static func reaction(_ kind: UInt32, _ target: Address, number: UInt32 = 0, function: Value = .undefined)
        -> Address
    {
        let address = allocate(32)
        store32(address &+ 4, kind)
        store32(address &+ 8, target)
        store32(address &+ 12, number)
        store64(address &+ 24, function)
        return address
    }

    private static func enqueue(_ task: Address, _ value: Value) {
        store64(task &+ 16, value)
        store32(task, 0)
        if state.lastTask == 0 { state.firstTask = task } else { store32(state.lastTask, task) }
        state.lastTask = task
    }

    /// PerformPromiseThen
    private static func react(to promise: Address, _ reaction: Address) {
        if load32(promise &+ 4) == 1 { return enqueue(reaction, load64(promise &+ 8)) }
        checkWritable(promise)
        let last = load32(promise &+ 20)
        if last == 0 { store32(promise &+ 16, reaction) } else { store32(last, reaction) }
        store32(promise &+ 20, reaction)
    }

    static func fulfill(_ promise: Address, _ value: Value) {
        checkWritable(promise)
        if load32(promise &+ 4) == 1 { return }
        store32(promise &+ 4, 1)
        store64(promise &+ 8, value)
        var reaction = load32(promise &+ 16)
        while reaction != 0 {
            let next = load32(reaction)
            enqueue(reaction, value)
            reaction = next
        }
    }

    /// What a promise's own function `resolve` does.
    static func resolve(_ promise: Address, _ value: Value) {
        if value.isSpecial(SpecialKind.promise) { return enqueue(reaction(Kind.follow, promise), value) }
        checkNoThenable(value)
        fulfill(promise, value)
    }

    /// An object with a method `then` is taken for a promise.
    private static func checkNoThenable(_ value: Value) {
        if value.isObject, Objects.find(value.address, Name.then.value.address) != nil { abort(.type) }
    }

    /// An async function waits.
    static func wait(_ frame: Address, for value: Value) {
        let task = reaction(Kind.resume, frame)
        if value.isSpecial(SpecialKind.promise) { return react(to: value.address, task) }
        checkNoThenable(value)
        enqueue(task, value)
    }

    static func answer(with value: Value) {
        let task = reaction(Kind.answer, 0)
        checkNoThenable(value)
        if value.isSpecial(SpecialKind.promise) { react(to: value.address, task) } else { enqueue(task, value) }
    }

    /// Promise.all
    static func all(_ value: Value) -> Value {
        let source = iterate(value)
        let promise = make()
        let results = makeArray(Arrays.length(source.address))
        // The promise for each element is the target's own state: 0 the promise, 4 the array, 8 how many are left.
        let shared = allocate(16)
        store32(shared, promise.address)
        store32(shared &+ 4, results.address)
        store32(shared &+ 8, Arrays.length(source.address))
        if Arrays.length(source.address) == 0 { fulfill(promise.address, results) }
        for place in 0..<Arrays.length(source.address) {
            Arrays.push(results.address, .undefined)
            var element = Arrays.element(source.address, place)
            if !element.isSpecial(SpecialKind.promise) {
                let wrapped = make()
                resolve(wrapped.address, element)
                element = wrapped
            }
            react(to: element.address, reaction(Kind.element, shared, number: place))
        }
        return promise
    }

    static func call(_ receiver: Value, _ name: Name, _ arguments: Arguments) -> Value {
        guard name == .then || name == .catch else { abort(.type) }
        let result = make()
        let function: Value = name == .then ? arguments[0] : .undefined
        let kind = function.isCallable ? Kind.then : Kind.pass
        react(to: receiver.address, reaction(kind, result.address, function: function))
        return result
    }

    /// Runs microtasks until there are none; whether there were any.
    static func run() -> Bool {
        if state.firstTask == 0 { return false }
        while state.firstTask != 0 {
            let task = state.firstTask
            state.firstTask = load32(task)
            if state.firstTask == 0 { state.lastTask = 0 }
            run(task)
        }
        return true
    }

    private static func run(_ task: Address) {
        let target = load32(task &+ 8)
        let value = load64(task &+ 16)
        switch load32(task &+ 4) {
        case Kind.resume: callContinuation(load32(target), target, value)
        case Kind.pass: fulfill(target, value)
        case Kind.follow: react(to: value.address, reaction(Kind.pass, target))
        case Kind.element:
            Arrays.setElement(load32(target &+ 4), load32(task &+ 12), value)
            let left = load32(target &+ 8) &- 1
            store32(target &+ 8, left)
            if left == 0 { fulfill(load32(target), Value(Tag.array, at: load32(target &+ 4))) }
        case Kind.then: resolve(target, TraceRuntime.call(load64(task &+ 24), value))
        default: Events.answer(value)
        }
    }
}

/// The frame of an async function: 0 its continuation's index   4 state   8 promise, then its variables.
@_cdecl("czone_frame") public func makeFrame(_ index: UInt32, _ variables: UInt32) -> UInt32 {
    let frame = allocate(16 &+ variables &* 8)
    store32(frame, index)
    store64(frame &+ 8, Promises.make())
    return frame
}

@_cdecl("czone_await") public func await(_ frame: UInt32, _ value: Value) { Promises.wait(frame, for: value) }

@_cdecl("czone_finish") public func finish(_ frame: UInt32, _ value: Value) {
    Promises.resolve(load64(frame &+ 8).address, value)
}

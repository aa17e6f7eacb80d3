/// The agent's entry. Without arguments it is PID 1 of a guest. `--socket FD --streams DIRECTORY` is for tests: the
/// control connection is given, streams are sockets in the directory, and root and file systems are those that are
/// there.
@_cdecl("agent_main")
func agentMain(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    // SAFETY: main's arguments: `count` C strings, which live as long as the process.
    let texts = (1..<max(1, Int(count))).map { index in
        unsafe arguments[index].map { unsafe String(cString: $0) } ?? ""
    }
    do throws(Failure) {
        var socket: Descriptor?
        var transport = StreamTransport.vsock
        if texts.count == 4, texts[0].utf8.elementsEqual("--socket".utf8) {
            let number = TextFile.number(in: [UInt8](texts[1].utf8)[...])
            let given = Descriptor(taking: Int32(truncatingIfNeeded: number))
            // Not for the containers: a duplicate closes with their programs' execution.
            socket = Descriptor(taking: try check(Kernel.duplicate(given.rawValue), .request, "take the connection"))
            transport = .directory(texts[3])
        } else {
            try Boot.makeRoot()
        }
        try Boot.prepare()
        let agent = try GuestService(transport: transport, socket: socket)
        agent.loop.run()
    } catch {
        // The kernel panics when PID 1 ends, which ends the VM with this as its last line.
        GuestConsole.log("cannot \(error.text): errno \(error.code)")
        return 1
    }
}

/// The guest's console.
enum GuestConsole {
    static func log(_ text: String) { _ = Kernel.write(2, "czone-agent: " + text + "\n") }
}

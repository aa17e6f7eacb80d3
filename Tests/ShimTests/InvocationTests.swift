import Testing

@testable import Shim

@Suite struct InvocationTests {
    @Test func containerdsCommandLineIsUnderstood() throws {
        let start = try Invocation([
            "-namespace", "k8s.io", "-address", "/run/c.sock", "-publish-binary", "/usr/bin/containerd", "-id", "abc",
            "-debug", "start",
        ])
        #expect(start.action == .start && start.namespace == "k8s.io" && start.id == "abc" && start.isDebugging)
        let delete = try Invocation(["--namespace=n", "-address=/a", "-id", "i", "-bundle", "/b", "delete"])
        #expect(delete.action == .delete && delete.namespace == "n" && delete.bundle == "/b")
        #expect(try Invocation(["-v"]).action == .version)
        #expect(try Invocation(["-info"]).action == .info)
    }

    @Test(arguments: [
        ([String](), "containerd starts"), (["-id"], "-id lacks its value"), (["-x", "1", "start"], "-x is no flag"),
        (["go"], "\"go\" is no action"),
    ])
    func nonsenseIsRefused(_ words: [String], _ text: String) {
        let error = #expect(throws: Invocation.Invalid.self) { try Invocation(words) }
        #expect(error?.description.contains(text) == true)
    }
}

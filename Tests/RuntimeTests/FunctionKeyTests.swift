import OCI
import Testing

@testable import Runtime

private func key(function: String = "f", tenant: String = "t", kernel: String = "k", zone: UInt64 = 128 << 20) throws
    -> FunctionKey
{
    let digest = try #require(Digest(hex: String(repeating: "a", count: 64)))
    return FunctionKey(function: function, tenant: tenant, image: digest, kernel: kernel, zoneSizeInBytes: zone)
}

@Test func equalKeysHaveOneDirectory() throws {
    #expect(try key().directoryName == key().directoryName)
    #expect(try key().directoryName.count == 32)
}

@Test func everyFieldMakesAnotherDirectory() throws {
    let names = try [key(), key(function: "g"), key(tenant: "u"), key(kernel: "l"), key(zone: 256 << 20)].map(
        \.directoryName)
    #expect(Set(names).count == names.count)
}

@Test func namesThatRunTogetherStayApart() throws {
    #expect(try key(function: "ab", tenant: "c").directoryName != key(function: "a", tenant: "bc").directoryName)
    #expect(try key(function: "a1:t", tenant: "t").directoryName != key(function: "a", tenant: "1:tt").directoryName)
}

@Test func aFunctionWithoutNameIsItsImage() throws {
    let digest = try #require(Digest(hex: String(repeating: "a", count: 64)))
    #expect(
        FunctionKey(function: nil, tenant: "t", image: digest, kernel: "k", zoneSizeInBytes: 0).function
            == digest.description)
}

@Test(arguments: ["a", "web-1", "Hello_World.2", String(repeating: "x", count: 128)])
func plainNamesAreTaken(name: String) throws { try FunctionKey.check(name, is: "container name") }

@Test(arguments: ["", ".", "..", "-a", "a/b", "a b", "ü", "a\n", String(repeating: "x", count: 129)])
func otherNamesAreRefused(name: String) {
    #expect(throws: RuntimeError.self) { try FunctionKey.check(name, is: "container name") }
}

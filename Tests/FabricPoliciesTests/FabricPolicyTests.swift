import Definitions
import Testing

@testable import FabricPolicies

@Suite struct FabricPolicyTests {
    private static let good = """
        tenants: [default, shop]
        services:
          - service: s3
            regions: [eu-west-1, us-east-1]
            buckets: [photos, "logs-*"]
            endpoint: https://s3.{region}.example:8443/
            addresses: [10.1.0.0/16]
        credentials:
          file: /etc/keys
          profile: shop
        limits: {connections: 8, timeout: 5s}
        port: 9100
        """

    private func error(_ text: String) -> String {
        do throws(DefinitionError) {
            _ = try FabricPolicy(yaml: text, name: "p", file: "p.yaml")
            return ""
        } catch { return error.description }
    }

    @Test func aPolicyIsRead() throws {
        let policy = try FabricPolicy(yaml: Self.good, name: "p", file: "p.yaml")
        #expect(policy.tenants == ["default", "shop"] && policy.port == 9100 && policy.maxConnections == 8)
        #expect(policy.credentials == .file(path: "/etc/keys", profile: "shop"))
        let service = try #require(policy.service("s3", in: "us-east-1"))
        #expect(service.endpoint(in: "us-east-1").description == "https://s3.us-east-1.example:8443")
        #expect(
            service.allows(bucket: "photos") && service.allows(bucket: "logs-") && !service.allows(bucket: "photos2"))
        #expect(policy.service("s3", in: "us-east-2") == nil && policy.service("sts", in: "us-east-1") == nil)
        #expect(policy.environment.contains("AWS_ENDPOINT_URL=http://127.0.0.1:9100"))
        #expect(policy.allows(tenant: "shop") && !policy.allows(tenant: "bank"))
    }

    @Test(arguments: [
        ("tenants: [default, shop]", "tenants: []", "p.yaml:1: tenants is no list of tenants"),
        ("tenants: [default, shop]", "tenants: [../a]", "p.yaml:1: tenants is no list of tenants"),
        ("service: s3", "service: sts", "p.yaml:3: services[0].service is \"sts\": expected s3"),
        ("[eu-west-1, us-east-1]", "[EU]", "p.yaml:3: services[0].regions is no list of regions"),
        ("[photos, \"logs-*\"]", "[a/b]", "p.yaml:3: services[0].buckets is no list of buckets"),
        ("https://s3.{region}.example:8443/", "ftp://x", "p.yaml:6: services[0].endpoint is \"ftp://x\""),
        ("https://s3.{region}.example:8443/", "http://2130706433", "p.yaml:6: services[0].endpoint"),
        ("https://s3.{region}.example:8443/", "http://user@host", "p.yaml:6: services[0].endpoint"),
        ("10.1.0.0/16", "10.1.0.1/16", "p.yaml:3: services[0].addresses has \"10.1.0.1/16\""),
        ("file: /etc/keys", "file: keys", "p.yaml:9: credentials.file is \"keys\""),
        ("file: /etc/keys", "process: aws", "p.yaml:9: credentials.process is no field of a policy's"),
        ("profile: shop", "environment: true", "credentials names no source of keys, or two"),
        ("connections: 8", "connections: 0", "p.yaml:11: limits.connections is \"0\": expected a number from 1 to 64"),
        ("port: 9100", "colour: red", "p.yaml:12: colour is no field of a policy's"),
    ])
    func aBadPolicyIsRefusedByFileLineAndField(from: String, to: String, expected: String) {
        #expect(
            error(Self.good.replacing(from, with: to)).contains(expected),
            "\(error(Self.good.replacing(from, with: to)))")
    }

    @Test func aPolicyWithoutServicesOrKeysIsRefused() {
        #expect(error("tenants: [a]").contains("services is missing"))
        #expect(error("tenants: [a]\nservices: [{regions: [a], buckets: [b]}]").contains("credentials names no source"))
        #expect(error("").contains("p.yaml"))
        #expect(error(String(repeating: " ", count: 70_000)).contains("at most 65536"))
    }
}

@Suite struct AddressTests {
    private func service(_ endpoint: String?, _ ranges: [String] = []) -> FabricPolicy.Service {
        var service = FabricPolicy.Service()
        service.endpoint = endpoint.flatMap { FabricPolicy.Endpoint($0) }
        service.addresses = ranges.compactMap { AddressRange($0) }
        return service
    }

    private func allows(_ service: FabricPolicy.Service, _ address: String) -> Bool? {
        IPAddress(address).map { service.allows($0) }
    }

    @Test(arguments: [
        "169.254.169.254", "127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "fe80::1", "fd00:ec2::254", "224.0.0.1",
        "255.255.255.255", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
        "100.100.100.200", "::169.254.169.254", "ff02::1",
    ])
    func theHostsOwnAddressesAreRefusedWhereverANameLeads(address: String) {
        #expect(allows(service(nil), address) == false)
        #expect(allows(service("https://store.example"), address) == false)
    }

    @Test func theOperatorsNetworksTakeANameOfThePolicys() {
        for address in ["10.0.0.1", "192.168.1.1", "172.31.0.1", "fd12::1", "100.64.0.1"] {
            #expect(allows(service(nil), address) == false)
            #expect(allows(service("https://store.example"), address) == true)
        }
        #expect(allows(service(nil), "52.216.0.1") == true)
        #expect(allows(service(nil), "2600:1f00::1") == true)
    }

    @Test func whatThePolicySaysInNumbersIsMeantAndNothingElse() {
        #expect(allows(service("http://127.0.0.1:9000"), "127.0.0.1") == true)
        #expect(allows(service("http://127.0.0.1:9000"), "127.0.0.2") == false)
        #expect(allows(service("http://[::1]:9000"), "::1") == true)
        #expect(allows(service("https://store.example", ["127.0.0.0/8"]), "127.1.2.3") == true)
        #expect(allows(service("https://store.example", ["127.0.0.0/8"]), "169.254.169.254") == false)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.-1", ":::", "1::2::3", "12345::", "fe80::1%eth0",
        "::g",
        "1:2:3:4:5:6:7:8:9", "1.2.3.4::", "0x7f.1.1.1", " 1.2.3.4",
    ])
    func whatIsNoAddressIsNone(text: String) { #expect(IPAddress(text) == nil) }

    @Test func oneAddressHasOneForm() {
        #expect(IPAddress("::ffff:1.2.3.4") == IPAddress("1.2.3.4"))
        #expect(IPAddress("2001:DB8::0:1") == IPAddress("2001:db8:0:0:0:0:0:1"))
        #expect(IPAddress("::ffff:102:304")?.description == "1.2.3.4")
        #expect(AddressRange("10.0.0.0/33") == nil && AddressRange("10.0.0.1/8") == nil && AddressRange("x/8") == nil)
        #expect(AddressRange("0.0.0.0/0")?.contains(IPAddress("9.9.9.9")!) == true)
        #expect(AddressRange("0.0.0.0/0")?.contains(IPAddress("2001::1")!) == false)
    }
}

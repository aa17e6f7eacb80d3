import ArgumentParser
import FabricProtocol
import LinuxSystem
import Runtime

struct FabricCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fabric", abstract: "Shows the fabric: what carries containers' requests to cloud services.",
        subcommands: [FabricPsCommand.self, FabricStatsCommand.self, FabricPolicyCommand.self])
}

struct FabricPsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "Lists tenants' fabrics, and the containers that they serve.")

    @OptionGroup var global: GlobalOptions
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        try listFabrics(global, json: json) { statuses in
            var table = Table(["TENANT", "PID", "CONTAINER", "POLICY", "CONNECTIONS"])
            for status in statuses {
                let process = status.pid.map(String.init) ?? "-"
                for container in status.containers {
                    table.add([
                        status.tenant, process, container.id, container.policy, String(container.connections),
                    ])
                }
                if status.containers.isEmpty { table.add([status.tenant, process, "-", "-", "0"]) }
            }
            return table
        }
    }
}

struct FabricStatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Shows what containers have had of the fabric.")

    @OptionGroup var global: GlobalOptions
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        try listFabrics(global, json: json) { statuses in
            var table = Table([
                "TENANT", "CONTAINER", "EXCHANGES", "ACTIVE", "REFUSED", "FAILED", "RETRIES", "SENT", "RECEIVED",
            ])
            for status in statuses {
                for one in status.containers {
                    table.add(
                        [status.tenant, one.id]
                            + [one.exchanges, UInt64(one.active), one.refused, one.failed, one.retries].map(String.init)
                            + [one.bytesSent, one.bytesReceived].map { ByteSize(bytes: $0).description })
                }
            }
            return table
        }
    }
}

/// Prints all tenants' fabrics, as a table or as JSON.
private func listFabrics(_ global: GlobalOptions, json: Bool, _ table: ([FabricStatus]) -> Table) throws {
    try global.perform {
        let statuses = try FabricStatus.all(of: try global.registry())
        printOutput(try json ? JSONText.report(statuses) : Array((table(statuses).text + "\n").utf8))
    }
}

struct FabricPolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Checks and shows policies.",
        discussion: "Without a name, all of /etc/czone/fabric (CZONE_FABRIC_POLICIES). Fails where one is wrong.")

    @OptionGroup var global: GlobalOptions
    @Flag(help: "As JSON.")
    var json = false
    @Argument(help: "A policy's name.")
    var name: String?

    func run() throws {
        try global.perform {
            let directory = PolicyDirectory()
            var policies: [PolicySummary] = []
            var failures: [RuntimeError] = []
            for name in try name.map({ [$0] }) ?? directory.names() {
                do { policies.append(try directory.policy(name)) } catch let error as RuntimeError {
                    failures.append(error)
                }
            }
            if json {
                printOutput(try JSONText.report(policies.map(PolicyReport.init)))
            } else if !policies.isEmpty {
                printOutput(Self.table(policies))
            }
            for failure in failures.dropLast() { report("\(failure)") }
            if let last = failures.last { throw last }
        }
    }

    static func table(_ policies: [PolicySummary]) -> String {
        var table = Table(["POLICY", "TENANTS", "SERVICE", "REGIONS", "BUCKETS", "ENDPOINT"])
        for policy in policies {
            for service in policy.services {
                table.add([
                    policy.name, policy.tenants.joined(separator: ","), service.name,
                    service.regions.joined(separator: ","), service.buckets.joined(separator: ","),
                    service.endpoint ?? "of AWS",
                ])
            }
        }
        return table.text
    }
}

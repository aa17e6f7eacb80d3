import Definitions
import Events
import LinuxSystem
import Logging
import Logs
import Synchronization

/// The functions that there are: those of a directory's files. Any thread may use it.
final class FunctionCatalog: Sendable {
    private struct State {
        var services: [String: FunctionService] = [:]
        /// By host name.
        var hosts: [String: FunctionService] = [:]
        /// The files as they were read last, by name.
        var read: [String: [UInt8]] = [:]
        /// What is wrong with files, by name.
        var errors: [String: String] = [:]
        var isClosed = false
    }

    let directory: String
    private let starter: any ContainerStarting
    private let acceleration: AccelerationSettings?
    private let state = Mutex(State())

    /// - Parameter acceleration: what handlers are compiled and served with; nil: they are not.
    init(directory: String, starter: any ContainerStarting, acceleration: AccelerationSettings? = nil) {
        self.directory = directory
        self.acceleration = acceleration
        self.starter = starter
    }

    func service(_ name: String) -> FunctionService? { state.withLock { $0.services[name] } }
    func service(host: String) -> FunctionService? { state.withLock { $0.hosts[host] } }
    var all: [FunctionService] { state.withLock { $0.services.values.sorted { $0.name < $1.name } } }
    /// Lines about files that are wrong.
    var errors: [String] { state.withLock { $0.errors.values.sorted() } }

    // MARK: Files

    /// Reads what has changed of the directory's files. A file that is wrong leaves its function as it was.
    func load() {
        let names: [String]
        do { names = try FileSystem.names(in: directory) ?? [] } catch {
            return Log.logger.error("the functions of \(directory) cannot be read: \(error)")
        }
        var found: [String: [UInt8]] = [:]
        for name in names where name.hasSuffix(".yaml") && !name.hasPrefix(".") {
            do {
                found[name] = try FileSystem.contents(
                    of: "\(directory)/\(name)", atMost: FunctionDefinition.maxBytes + 1)
            } catch { Log.logger.error("\(error)") }
        }
        let former = state.withLock { state in
            defer { state.read = found }
            return state.read
        }
        for name in former.keys.sorted() where found[name] == nil { forget(name, former) }
        for (name, bytes) in found.sorted(by: { $0.key < $1.key }) where former[name] != bytes { take(name, bytes) }
    }

    private func take(_ file: String, _ bytes: [UInt8]) {
        do throws(DefinitionError) {
            let definition = try Self.definition(bytes, file: file)
            state.withLock { $0.errors[file] = nil }
            apply(definition)
        } catch {
            Log.logger.error("\(directory)/\(error)")
            state.withLock { $0.errors[file] = "\(directory)/\(error)" }
        }
    }

    /// A function's file is named as it is.
    private static func definition(_ bytes: [UInt8], file: String) throws(DefinitionError) -> FunctionDefinition {
        let definition = try FunctionDefinition(yaml: String(decoding: bytes, as: UTF8.self), file: file)
        guard definition.name + ".yaml" == file else {
            throw DefinitionError(
                file: file, line: nil, field: "name",
                text: "is \(quoted(definition.name)): the file of that function is \(definition.name).yaml")
        }
        return definition
    }

    private func apply(_ definition: FunctionDefinition) {
        let former = service(definition.name)
        // It looks for its programs: that is done without the lock.
        let acceleration = former == nil ? acceleration.map { FunctionAcceleration(definition, $0) } : nil
        let existing = state.withLock { state -> FunctionService? in
            guard !state.isClosed else { return nil }
            if let service = state.services[definition.name] { return service }
            state.services[definition.name] = FunctionService(
                definition, starter: starter, acceleration: acceleration
            ) { [weak self] in self?.relieve() ?? false }
            return nil
        }
        existing?.change(definition)
        indexHosts()
        Log.logger.info("the function \(definition.name) is defined")
    }

    private func indexHosts() {
        state.withLock { state in
            state.hosts = [:]
            for service in state.services.values {
                for host in service.definition.hosts { state.hosts[host] = service }
            }
        }
    }

    private func forget(_ file: String, _ former: [String: [UInt8]]) {
        let name = String(file.dropLast(".yaml".utf8.count))
        let service = state.withLock { state in
            state.errors[file] = nil
            return state.services.removeValue(forKey: name)
        }
        service?.close(atOnce: false)
        indexHosts()
        if service != nil { Log.logger.info("the function \(name) is removed") }
    }

    // MARK: Changes

    /// Writes a function's file, and serves it.
    func create(_ yaml: [UInt8]) throws -> FunctionDefinition {
        let definition = try FunctionDefinition(yaml: String(decoding: yaml, as: UTF8.self), file: "definition")
        try FileSystem.replace("\(directory)/\(definition.name).yaml", with: yaml, mode: 0o644)
        load()
        return definition
    }

    /// Removes a function's file; false where there is no such function.
    func delete(_ name: String) throws -> Bool {
        guard FunctionDefinition.isName(name), service(name) != nil else { return false }
        try FileSystem.removeFile("\(directory)/\(name).yaml")
        load()
        return true
    }

    /// Below so much available memory of the host, in bytes, what is idle goes.
    private static let minAvailable: UInt64 = 256 << 20

    /// The host lacks memory: paused containers and idle ones end, of all functions; whether there was one.
    func relieve() -> Bool { all.reduce(false) { $1.giveBack() || $0 } }

    /// What is done every second.
    func tick() {
        if let memory = HostMemory.current(), memory.available < Self.minAvailable, relieve() {
            Log.logger.warning("the host has \(memory.available >> 20) MiB available: idle containers end")
        }
        for service in all { service.tick() }
    }

    /// No function takes requests any more; all containers end.
    func close() {
        let services = state.withLock { state in
            state.isClosed = true
            defer { (state.services, state.hosts) = ([:], [:]) }
            return state.services.values
        }
        for service in services { service.close(atOnce: true) }
    }
}

import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import SystemPackage

extension Placement {
    /// The template that a VM for the order would be restored from.
    func templateKey(_ order: MachineOrder, _ scope: TemplateScope = .image) throws(RuntimeError) -> TemplateKey {
        try TemplateKey(
            order, record(for: order, id: ""), files: files, kernelArguments: kernelArguments, scope: scope)
    }

    /// The templates that a VM for the order can be restored from, the best first: one with its process template, one
    /// without, the one of every image.
    func templateKeys(_ order: MachineOrder) throws(RuntimeError) -> [TemplateKey] {
        let keys = [try templateKey(order)] + (order.process == nil ? [] : [try templateKey(order.plain)])
        return hasGenericTemplate(order) ? keys + [try templateKey(order.plain, .everyImage)] : keys
    }

    /// Whether VMs for such an order can be restored from the template of every image. Containers that are alone are given
    /// the whole of their VM's memory: a template for each amount of it would be worth little.
    func hasGenericTemplate(_ order: MachineOrder) -> Bool {
        configuration.usesGenericTemplate && !order.key.isAlone && ImageRoom(for: order.image).isShared
    }

    func templates(_ order: MachineOrder) -> TemplateStore { TemplateStore(besides: order.store.root) }

    /// Makes the template for an order, unless there is one: boots a VM that saves itself. The template's name.
    ///
    /// With the scope `everyImage` the saved VM has no image, and the order's serves to record what restored ones write.
    @discardableResult
    public func makeTemplate(
        for order: MachineOrder, _ scope: TemplateScope = .image
    ) throws(RuntimeError) -> String {
        let key = try templateKey(order, scope)
        let machine = record(for: order, id: "")
        let record = templateRecord(order, machine, scope)
        let lease = try lease(order)
        defer { withExtendedLifetime(lease) {} }
        let request = try processTemplate(of: order)
        try templates(order).make(
            key, record, limit: configuration.templateLimitInBytes
        ) {
            (directory, words) throws(RuntimeError) in
            let template = MachineArguments.Template(directory: directory, identity: key.identity)
            let user = try UserLease(in: registry, from: configuration.firstUser)
            var arguments = MachineArguments(
                files: files, record: machine, images: order.images(scope),
                kernelArguments: kernelArguments, isAlone: order.key.isAlone, purpose: .saveTemplate(template),
                jail: jail(user))
            let requestPath = "\(directory)/\(ProcessTemplateRequest.fileName)"
            if let request {
                try system { () throws(SystemError) in try FileSystem.replace(requestPath, with: request) }
            }
            defer { try? FileSystem.removeFile(requestPath) }
            let status = try runMonitor(arguments, words, user)
            guard status == 0 else { return status }
            // What a VM writes until it is ready after its restore, it is given at once from now on.
            arguments.images = order.images()
            arguments.purpose = .recordWorkingSet(of: template, to: "\(directory)/working-set")
            return try runMonitor(arguments, words, user)
        }
        return key.directoryName
    }

    private func templateRecord(
        _ order: MachineOrder, _ machine: VirtualMachineRecord, _ scope: TemplateScope
    ) -> TemplateRecord {
        var record = TemplateRecord(
            image: scope == .image ? order.imageName : "any image",
            imageDigest: scope == .image ? order.image.digest.description : "", memoryInBytes: machine.memoryInBytes,
            virtualCPUs: machine.virtualCPUs, zoneCount: machine.zoneCount, zoneSizeInBytes: machine.zoneSizeInBytes,
            isAlone: order.key.isAlone, created: currentTimeInNanoseconds())
        if order.process != nil { (record.function, record.tenant) = (order.key.function, order.key.tenant) }
        return record
    }

    /// Looks for the template in the registry that the configuration names, unless this host has it.
    func fetchTemplate(for order: MachineOrder, _ scope: TemplateScope) throws(RuntimeError) {
        guard let repository = configuration.templateSource else { return }
        let (key, store) = (try templateKey(order, scope), templates(order))
        guard try !store.contains(key) else { return }
        TemplateSource(repository: repository, timeouts: timeouts).fetch(
            key, into: order.store, root: registry.root.string)
    }

    /// The bytes of an order's process template; nil: it has none.
    private func processTemplate(of order: MachineOrder) throws(RuntimeError) -> [UInt8]? {
        do throws(ProtocolError) { return try order.process?.bytes() } catch {
            throw .invalid("there can be no process template: \(error)")
        }
    }

    /// Runs a VM that nobody talks to; its exit status. Its own bounds do not count while its process is stopped.
    private func runMonitor(
        _ arguments: MachineArguments, _ words: OwnedDescriptor, _ user: UserLease
    ) throws(RuntimeError) -> Int32 {
        let nothing = try system { () throws(SystemError) in
            try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        }
        let status = try system { () throws(SystemError) in
            var process = ProcessLaunch(
                files.monitor.string, arguments: [files.monitor.string] + arguments.words,
                environment: MonitorStarter.environment, input: nothing, output: words, error: words)
            process.kept = [user.descriptor]
            process.seesNoProcesses = true
            return try process.start().waitForEnd(withinMilliseconds: timeouts.template)
        }
        guard let status else {
            throw .invalid("making a template has not ended within \(timeouts.template / 1000) s: its VM was killed")
        }
        return status
    }
}

import LinuxSystem

extension HostVolume {
    /// How long its file system may take, in milliseconds: as long as a VM gives it (`AttachedVolumes`).
    private static let limit: CInt = 15_000

    /// A volume whose opening waits for its file system, which may be a stopped server's.
    ///
    /// - Parameter path: names it in errors.
    /// - Throws: also where the file system has not answered within 15 s.
    static func opened(
        _ path: String, by open: @escaping @Sendable () throws(SpecificationError) -> HostVolume
    ) throws(SpecificationError) -> HostVolume {
        let result: Result<HostVolume, SpecificationError>?
        do throws(SystemError) {
            result = try BoundedCall.value(withinMilliseconds: limit) {
                Result { () throws(SpecificationError) in try open() }
            }
        } catch {
            throw .unsupported(setting: "the volume", value: path, reason: "\(error)")
        }
        guard let result else {
            throw .unsupported(
                setting: "the volume", value: path,
                reason: "its file system has not answered within \(limit / 1000) s")
        }
        return try result.get()
    }
}

import FoundationEssentials
import Glibc
package import LinuxSystem
import Logging
import Logs
import OCI
import SystemPackage

/// Where a host looks for templates that it has not: a repository of a registry. It is asked in the background, by a process
/// that ends within `ControlTimeouts.pull`; the container that found no template has its VM by then.
struct TemplateSource {
    /// REGISTRY/NAME, as the configuration has it.
    let repository: String
    let timeouts: ControlTimeouts

    /// Fetches the template of a key, if the repository has it. What it could not is said in one line, and no failure: then
    /// the template is made here.
    func fetch(_ key: TemplateKey, into images: ImageStore, root: String) {
        do throws(RuntimeError) {
            guard let status = try run(key, images, root) else {
                return Log.logger.warning("\(repository) has not sent a template within \(timeouts.pull / 1000) s")
            }
            if status.code != 0 { Log.logger.info("no template from \(repository): \(status.words)") }
        } catch { Log.logger.warning("no template from \(repository): \(error)") }
    }

    /// Nil where it was killed at the end of its time.
    private func run(
        _ key: TemplateKey, _ images: ImageStore, _ root: String
    ) throws(RuntimeError) -> (code: Int32, words: String)? {
        let program: String
        do { program = try Artefacts().transfer().string } catch { throw .invalid(error.description) }
        let arguments = [
            program, "provide", "--store", images.root.removingLastComponent().string, "--root", root, "--timeout",
            "\(timeouts.pull / 1000)", repository,
        ]
        let json = try JSONText.bytes(of: key.parts)
        let variables =
            ["HOME", "DOCKER_CONFIG"] + CommandProvider.variables
            + Configuration.Setting.allCases.map(\.variable)
        let environment = variables.compactMap { name in CurrentProcess.environment(name).map { "\(name)=\($0)" } }
        return try system { () throws(SystemError) in
            let (input, words) = (try MemoryFile.growing(name: "key"), try MemoryFile.growing(name: "words"))
            try input.write(all: json)
            let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
            let process = ProcessLaunch(
                program, arguments: arguments, environment: environment, input: input, output: nothing, error: words)
            let code = try process.start().waitForEnd(withinMilliseconds: timeouts.pull + 5_000)
            guard let code else { return nil }
            let text = try words.read(upTo: 4096, at: 0)
            return (code, printable(String(decoding: text, as: UTF8.self).lastLine, atMost: 512))
        }
    }
}

extension String {
    /// Its last line that has something.
    fileprivate var lastLine: String { split(whereSeparator: \.isNewline).last.map(String.init) ?? "" }
}

extension TemplateKey {
    /// A key as `TemplateSource` passes it on, from a file's beginning.
    package init(json file: OwnedDescriptor) throws(RuntimeError) {
        let bytes = try system { () throws(SystemError) in try file.read(upTo: Self.maxBytes, at: 0) }
        guard let parts = try? JSONDecoder().decode([Part].self, from: Data(bytes)) else {
            throw .invalid("standard input has no key of a template")
        }
        self.init(parts)
    }
}

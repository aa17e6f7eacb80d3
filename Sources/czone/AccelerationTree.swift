import LeanJSON

/// How a function's handler is compiled, for people.
enum AccelerationTree {
    /// - Parameter function: as the gateway shows it.
    static func text(_ function: JSONValue?) -> String {
        let name = function?["name"]?.text ?? ""
        guard let acceleration = function?["acceleration"] else {
            return "\(name): kind \(function?["kind"]?.text ?? ""), which is not compiled"
        }
        func number(_ name: String) -> Int64 { acceleration[name]?.number ?? 0 }
        let events = acceleration["events"]
        let counts = ["sandbox", "container", "replayed"].map { "\($0) \(events?[$0]?.number ?? 0)" }
        let share = number("acceleratedPermille")
        var branches = [
            Branch("accelerate: \(acceleration["accelerate"]?.text ?? "")"),
            Branch(
                "state: \(acceleration["state"]?.text ?? "")",
                acceleration["reason"]?.text.map { [Branch("because \($0)")] } ?? []),
            Branch("events: \(counts.joined(separator: ", ")); \(share / 10).\(share % 10) % accelerated"),
        ]
        if let module = acceleration["module"]?.text {
            let code = "\(module), \(number("codeBytes")) bytes of code, compiled \(times(number("compilations")))"
            branches.append(Branch("module: \(code)"))
        }
        if let process = acceleration["sandboxProcess"]?.number {
            branches.append(Branch("sandbox: process \(process), started again \(times(number("sandboxRestarts")))"))
        }
        if number("verified") > 0 {
            branches.append(
                Branch(
                    "verified: \(number("verified")) events, \(number("differences")) of them different in a container")
            )
        }
        let aborts = (acceleration["aborts"]?.elements ?? []).map { abort in
            let place = abort["place"]?.text.map { " at \($0)" } ?? ""
            return Branch("\(abort["count"]?.number ?? 0) × \(abort["reason"]?.text ?? "")\(place)")
        }
        branches.append(Branch(aborts.isEmpty ? "aborts: none" : "aborts", aborts))
        let unsupported = (acceleration["unsupported"]?.elements ?? []).map { Branch($0.text ?? "") }
        branches.append(Branch(unsupported.isEmpty ? "not compiled: nothing" : "not compiled", unsupported))
        return ([name] + Branch.lines(branches, indent: "")).joined(separator: "\n")
    }

    private static func times(_ count: Int64) -> String { count == 1 ? "once" : "\(count) times" }

    private struct Branch {
        let text: String
        let branches: [Branch]

        init(_ text: String, _ branches: [Branch] = []) {
            self.text = text
            self.branches = branches
        }

        static func lines(_ branches: [Branch], indent: String) -> [String] {
            branches.indices.flatMap { index -> [String] in
                let isLast = index == branches.count - 1
                return ["\(indent)\(isLast ? "└ " : "├ ")\(branches[index].text)"]
                    + lines(branches[index].branches, indent: indent + (isLast ? "  " : "│ "))
            }
        }
    }
}

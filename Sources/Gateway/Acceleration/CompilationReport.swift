import LeanJSON

extension Compilation.Report {
    /// Reads what czone-compile prints; nil: it is none.
    init?(_ bytes: [UInt8]) {
        guard let document = JSONValue(bytes), let path = document["path"]?.text,
            let codeBytes = document["code-bytes"]?.number, let sites = Self.positions(document["sites"]),
            let unsupported = Self.positions(document["unsupported"])
        else { return nil }
        self.init(path: path, codeBytes: Int(codeBytes), sites: sites, unsupported: unsupported)
    }

    private static func positions(_ value: JSONValue?) -> [Position]? {
        guard let elements = value?.elements else { return nil }
        var positions: [Position] = []
        for element in elements {
            guard let line = element.elements?.first?.number, let column = element.elements?.last?.number else {
                return nil
            }
            positions.append(Position(line: Int(line), column: Int(column)))
        }
        return positions
    }

    /// A site for people: `FILE:LINE:COLUMN`; empty where there is none of the number.
    func place(_ site: Int) -> String {
        guard sites.indices.contains(site) else { return "" }
        return "\(path):\(sites[site].line):\(sites[site].column)"
    }
}

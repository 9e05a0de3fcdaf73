internal import Foundation
internal import SegCore

/// The coded terms of classes by their names: a table of organs, and a file with additions.
public struct SegmentCodes: Sendable {
    private var own: [String: SegmentMeaning] = [:]

    /// Creates the table without additions.
    public init() {}

    /// Creates the table with the additions of a JSON file, which take precedence:
    /// `{"spleen": {"category": ["123037004", "SCT", "Anatomical Structure"], "type": ["78961009", "SCT", "Spleen"]}}`,
    /// with an optional `modifier`. The default category is an anatomical structure.
    /// - Throws: `DataError` naming all faults of the file.
    public init(file: String) throws {
        guard case .object(let classes) = try ConfigValue(jsonFile: file) else {
            throw DataError(.badData, file, "should be an object of class names and their codes.")
        }
        var faults: [String] = []
        for (name, value) in classes.sorted(by: { $0.key < $1.key }) {
            guard case .object(let members) = value else {
                faults.append("\(name) should be an object with a type, not \(value)")
                continue
            }
            func code(_ key: String) -> DicomCode? {
                guard let value = members[key] else { return nil }
                if let code = Self.code(value) { return code }
                faults.append(
                    "\(name).\(key) should be [code, scheme, meaning], like [\"78961009\", \"SCT\", \"Spleen\"], not \(value)"
                )
                return nil
            }
            let (category, type, modifier) = (code("category"), code("type"), code("modifier"))
            if members["type"] == nil { faults.append("\(name).type is missing") }
            let others = Set(members.keys).subtracting(["category", "type", "modifier"]).sorted()
            faults += others.map { "\(name).\($0) is not a category, type or modifier" }
            guard let type else { continue }
            own[Self.plain(name)] = SegmentMeaning(
                category: category ?? .anatomicalStructure, type: type, modifier: modifier)
        }
        guard faults.isEmpty else { throw DataError(.badData, file, faults.joined(separator: "; ") + ".") }
    }

    /// A term of three texts within DICOM's lengths; nil for any other value.
    private static func code(_ value: ConfigValue) -> DicomCode? {
        guard case .array(let items) = value, items.count == 3 else { return nil }
        let texts = items.compactMap { item -> String? in
            guard case .string(let text) = item, !text.isEmpty, text.dicomText(most: 64) == text else { return nil }
            return text
        }
        guard texts.count == 3, texts[0].count <= 16, texts[1].count <= 16 else { return nil }
        return DicomCode(texts[0], texts[2], scheme: texts[1])
    }

    /// The meaning of a class by its name, regardless of case and underscores; nil if the name is unknown.
    ///
    /// `kidney_left` and `left kidney` are the table's kidney with a modifier; `liver tumour` is a neoplasm.
    public func meaning(of name: String) -> SegmentMeaning? {
        let plain = Self.plain(name)
        if let meaning = own[plain] { return meaning }
        if let organ = Self.organs[plain] { return SegmentMeaning(category: .anatomicalStructure, type: organ) }
        var words = plain.split(separator: " ").map(String.init)
        if let lesion = words.last.flatMap({ Self.lesions[$0] }) {
            return SegmentMeaning(category: .abnormalStructure, type: lesion)
        }
        let sides = words.filter { $0 == "left" || $0 == "right" }
        words.removeAll { $0 == "left" || $0 == "right" }
        guard sides.count == 1, let organ = Self.organs[words.joined(separator: " ")] else { return nil }
        return SegmentMeaning(
            category: .anatomicalStructure, type: organ, modifier: sides[0] == "left" ? .left : .right)
    }

    /// The name in lower case with its words separated by spaces.
    static func plain(_ name: String) -> String {
        name.lowercased().split { $0 == "_" || $0 == "-" || $0 == " " }.joined(separator: " ")
    }
}

/// The names of a label map's labels in a header extension with code 0: a label table in Caret's XML, which
/// TotalSegmentator writes and 3-D viewers read.
enum NIfTILabels {
    private static let colors = [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 128, 0),
        (255, 0, 128), (128, 255, 128), (0, 128, 255), (128, 128, 128), (185, 170, 155),
    ]

    /// The extension with its length and code; its size is a multiple of 16 bytes.
    static func extensionBytes(_ labels: [Int: String]) -> [UInt8] {
        let text = Array(xml(labels).utf8)
        let length = (8 + text.count + 15) / 16 * 16
        let head = [UInt32(length), 0].flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        return head + text + [UInt8](repeating: 0, count: length - 8 - text.count)
    }

    private static func xml(_ labels: [Int: String]) -> String {
        let rows = labels.sorted { $0.key < $1.key }.map { number, name in
            let color = colors[number % colors.count]
            // A CDATA section may contain anything but its end, `]]>`.
            let safe = name.split(separator: "]]>", omittingEmptySubsequences: false).joined(separator: "]] >")
            return "<Label Key=\"\(number)\" Red=\"\(share(color.0))\" Green=\"\(share(color.1))\" "
                + "Blue=\"\(share(color.2))\" Alpha=\"1\"><![CDATA[\(safe)]]></Label>"
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?><CaretExtension><VolumeInformation Index="0"><LabelTable>
            \(rows.joined(separator: "\n"))
            </LabelTable><StudyMetaDataLinkSet></StudyMetaDataLinkSet><VolumeType><![CDATA[Label]]></VolumeType>\
            </VolumeInformation></CaretExtension>
            """
    }

    private static func share(_ value: Int) -> String { "\(Double(value) / 255)" }
}

internal import HTTPTypes
internal import Hummingbird
internal import SegCore

/// A client's query for series of the archive.
struct ArchiveQuery: Sendable {
    /// StudyInstanceUID.
    let study: String?
    /// The complete PatientID, without wildcards.
    let patient: String?
    let modality: String?
    /// The date of the study, `YYYYMMDD`, or a range such as `20260101-20260131`, `20260101-` or `-20260131`.
    let date: String?
    /// The maximum number of series.
    let limit: Int
    /// Whether the response contains patients and dates.
    let showsPatient: Bool

    /// Reads a query.
    /// - Throws: `Refusal` naming every parameter that is not valid.
    init(_ request: Request) throws {
        let query = try RequestQuery(
            request, knows: "study", "patient_id", "modality", "date", "limit", "patient")
        study = query["study"]
        patient = query["patient_id"]
        modality = query["modality"]?.uppercased()
        date = query["date"]
        showsPatient = try query.isOn("patient")
        var reasons: [String] = []
        if let study, !Self.isUID(study) { reasons.append("study should be a StudyInstanceUID") }
        if let patient, patient.utf8.count > 64 || patient.contains(where: { "*?\\".contains($0) || $0.isNewline }) {
            reasons.append("patient_id should be a complete PatientID without wildcards")
        }
        if let modality, modality.wholeMatch(of: /[A-Z0-9_ ]{1,16}/) == nil {
            reasons.append("modality should be a code such as CT or MR")
        }
        if let date, date.wholeMatch(of: /[0-9]{8}(-([0-9]{8})?)?|-[0-9]{8}/) == nil {
            reasons.append("date should be YYYYMMDD, or a range such as 20260101-20260131")
        }
        limit = try query.int("limit", from: 1) ?? 100
        if limit > Self.mostSeries { reasons.append("limit should be 1 to \(Self.mostSeries)") }
        guard reasons.isEmpty else { throw Refusal(.badRequest, reasons.joined(separator: "; ")) }
    }

    static let mostSeries = 1000

    /// Whether a text is a UID: digits and points (PS3.5, 9).
    static func isUID(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.wholeMatch(of: /[0-9]+(\.[0-9]+)+/) != nil
    }

    /// The query of QIDO-RS (PS3.18, 10.6). It requests one series more than `limit`, to find out whether more exist.
    var items: [(String, String)] {
        let keys = [("StudyInstanceUID", study), ("PatientID", patient), ("Modality", modality), ("StudyDate", date)]
        let wanted = [.study, .series, .modality, .description, .images] + (showsPatient ? ArchiveTag.patients : [])
        return keys.compactMap { name, value in value.map { (name, $0) } }
            + wanted.map { ("includefield", $0.rawValue) }
            + [("limit", "\(limit + 1)")]
    }

    /// Whether a series matches the query; an archive may ignore keys that it does not support.
    func admits(_ series: ConfigValue) -> Bool {
        let isOther = [(study, ArchiveTag.study), (patient, .patientID), (modality, .modality)].contains { asked, tag in
            guard let asked, let found = series.text(tag) else { return false }
            return found != asked
        }
        return !isOther
    }
}

/// Attributes under their names in the DICOM JSON model (PS3.18, F).
enum ArchiveTag: String {
    case study = "0020000D"
    case series = "0020000E"
    case modality = "00080060"
    case description = "0008103E"
    case images = "00201209"
    case studyDate = "00080020"
    case patientName = "00100010"
    case patientID = "00100020"
    case instance = "00081155"
    case failed = "00081198"
    case failureReason = "00081197"
    case stored = "00081199"
    case warningReason = "00081196"

    /// The attributes that identify a patient or give a date.
    static let patients: [ArchiveTag] = [.patientName, .patientID, .studyDate]
}

extension ConfigValue {
    /// The values of an attribute of a data set.
    func values(_ tag: ArchiveTag) -> [ConfigValue] {
        guard case .array(let values) = self[tag.rawValue]?["Value"] else { return [] }
        return values
    }

    /// The first value of an attribute as text; for a person's name, the alphabetic form.
    func text(_ tag: ArchiveTag) -> String? {
        guard let value = values(tag).first else { return nil }
        let text = value.string ?? value["Alphabetic"]?.string ?? value.int.map(String.init)
        return text.map { String($0.prefix(64)).trimmed }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether a data set contains the UIDs of its study and series.
    var isSeries: Bool { [text(.study), text(.series)].allSatisfy { ArchiveQuery.isUID($0 ?? "") } }

    /// The first value of an attribute as an integer; archives write IS values as numbers or as text.
    func number(_ tag: ArchiveTag) -> Int? { values(tag).first?.int }
}

extension String {
    /// The text without spaces at its ends, because DICOM pads values to an even length.
    fileprivate var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

internal import SegCore

/// The reader and writer of one kind of component. The `_target_` name and the arguments are spelled once for both directions.
struct ComponentForm<Component> {
    /// The name of the class.
    let name: String
    private let read: (ConfigReader) throws -> Component
    private let write: (Component) -> [String: ConfigValue]?

    /// A kind of component.
    /// - Parameters:
    ///   - part: The part that a component of this kind holds; nil for a component of another kind.
    ///   - coded: Reads a component if the part is nil, and writes the part otherwise; see `ConfigCoder`.
    init<Part>(
        _ name: String, _ part: @escaping (Component) -> Part?,
        _ coded: @escaping (Part?, ConfigCoder) throws -> Component
    ) {
        self.name = name
        read = { try coded(nil, ConfigCoder($0)) }
        write = { component in
            part(component).map { part in
                let coder = ConfigCoder(nil)
                // Only reading can fail.
                _ = try? coded(part, coder)
                return coder.entries
            }
        }
    }

    /// Reads the arguments of the class with a name; nil if no form has this name.
    /// - Throws: `DataError` naming the argument that is missing, wrong or not supported.
    static func read(_ name: String, _ reader: ConfigReader, by forms: [Self]) throws -> Component? {
        try forms.first { $0.name == name }?.read(reader)
    }

    /// The `_target_` and arguments of a component, as `read` reads them.
    static func value(of component: Component, by forms: [Self]) -> ConfigValue {
        for form in forms {
            guard let entries = form.write(component) else { continue }
            return .object(entries.merging(["_target_": .string(form.name)]) { $1 })
        }
        preconditionFailure("\(component) has no form")
    }
}

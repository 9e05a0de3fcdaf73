internal import SegCore

/// How one kind of component of a list is read and written: the name in its `_target_`, and its arguments, each spelled once.
struct ComponentForm<Component> {
    /// The name of the class.
    let name: String
    private let read: (ConfigReader) throws -> Component
    private let write: (Component) -> [String: ConfigValue]?

    /// A kind of component.
    /// - Parameters:
    ///   - part: What a component of this kind holds; nil of another kind.
    ///   - coded: Reads a component where it is given no part, else writes the part, as `ConfigCoder` says.
    init<Part>(
        _ name: String, _ part: @escaping (Component) -> Part?,
        _ coded: @escaping (Part?, ConfigCoder) throws -> Component
    ) {
        self.name = name
        read = { try coded(nil, ConfigCoder($0)) }
        write = { component in
            part(component).map { part in
                let coder = ConfigCoder(nil)
                // Nothing but a key that is read can be wrong.
                _ = try? coded(part, coder)
                return coder.entries
            }
        }
    }

    /// Reads the arguments of the class of a name; nil where no form has it.
    /// - Throws: `DataError` naming the argument that is missing, wrong or not supported.
    static func read(_ name: String, _ reader: ConfigReader, by forms: [Self]) throws -> Component? {
        try forms.first { $0.name == name }?.read(reader)
    }

    /// The class and arguments that `read` reads.
    static func value(of component: Component, by forms: [Self]) -> ConfigValue {
        for form in forms {
            guard let entries = form.write(component) else { continue }
            return .object(entries.merging(["_target_": .string(form.name)]) { $1 })
        }
        preconditionFailure("\(component) has no form")
    }
}

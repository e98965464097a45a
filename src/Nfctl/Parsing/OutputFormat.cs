namespace Nf.Ctl.Parsing;

/// <summary>How answers are printed.</summary>
internal enum OutputFormat
{
    /// <summary>Tables for people.</summary>
    Table,

    /// <summary>Protobuf JSON for programs: one document, or one object per line from a stream.</summary>
    Json,
}

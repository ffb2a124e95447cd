import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;

/** Run with a JDBC URL, user and password: prints one line a check. */
public class Driver {
  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.setProperty("user", args[1]);
    properties.setProperty("password", args[2]);
    try (Connection connection = DriverManager.getConnection(args[0], properties)) {
      try (PreparedStatement statement = connection.prepareStatement("select b from corpus where a = ?")) {
        for (int i = 0; i < 12; i++) { // the fifth becomes a named, then a binary one
          statement.setInt(1, i % 10);
          try (ResultSet rows = statement.executeQuery()) {
            while (rows.next()) System.out.println(rows.getString(1));
          }
        }
      }
      connection.setAutoCommit(false);
      try (PreparedStatement statement = connection.prepareStatement("select g, g::timestamp, g::text from (select generate_series('2020-01-01'::timestamp, '2020-01-30', '1 day') g) s")) {
        statement.setFetchSize(7); // portals that are suspended
        int count = 0;
        try (ResultSet rows = statement.executeQuery()) {
          while (rows.next()) count++;
        }
        System.out.println(count);
      }
      try (PreparedStatement statement = connection.prepareStatement("insert into corpus values (?, ?)")) {
        for (int i = 200; i < 250; i++) {
          statement.setInt(1, i);
          statement.setString(2, "batch");
          statement.addBatch();
        }
        System.out.println(statement.executeBatch().length);
      }
      Savepoint savepoint = connection.setSavepoint("here");
      try (Statement statement = connection.createStatement()) {
        statement.executeUpdate("insert into corpus values (200, 'again')");
      } catch (SQLException error) {
        System.out.println(error.getSQLState());
        connection.rollback(savepoint);
      }
      PGConnection pg = connection.unwrap(PGConnection.class);
      System.out.println(pg.getCopyAPI().copyIn("copy corpus from stdin", new StringReader("300\tcopied\n301\tcopied\n")));
      StringWriter out = new StringWriter();
      pg.getCopyAPI().copyOut("copy (select * from corpus where a >= 300 order by a) to stdout", out);
      System.out.print(out);
      connection.rollback();
      try (ResultSet tables = connection.getMetaData().getColumns(null, "public", "corpus", "%")) {
        while (tables.next()) System.out.println(tables.getString("COLUMN_NAME") + " " + tables.getString("TYPE_NAME"));
      }
    }
  }
}

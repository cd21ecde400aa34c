package lake.tests;

import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hadoop.hive.ql.DriverFactory;
import org.apache.hadoop.hive.ql.IDriver;
import org.apache.hadoop.hive.ql.session.SessionState;

/** Hive itself in one process: HiveSql URI FOLDER STATEMENT…; the rows of each statement, and a NUL after them. */
public final class HiveSql {
  public static void main(String[] arguments) throws Exception {
    HiveConf conf = new HiveConf(SessionState.class);
    conf.set("hive.metastore.uris", arguments[0]);
    conf.set("hive.exec.scratchdir", arguments[1] + "/scratch");
    conf.set("hive.exec.local.scratchdir", arguments[1] + "/local");
    conf.set("hive.downloaded.resources.dir", arguments[1] + "/resources");
    // What only describes tables needs no engine, no transactions and no statistics of earlier queries.
    conf.set("hive.execution.engine", "mr");
    conf.set("hive.support.concurrency", "false");
    conf.set("hive.txn.manager", "org.apache.hadoop.hive.ql.lockmgr.DummyTxnManager");
    conf.set("hive.query.reexecution.enabled", "false");
    conf.set("fs.s3.impl", "lake.tests.NoopFs");
    conf.set("fs.s3a.impl", "lake.tests.NoopFs");
    SessionState.start(new SessionState(conf));
    IDriver driver = DriverFactory.newDriver(conf);
    StringBuilder answer = new StringBuilder();
    for (int index = 2; index < arguments.length; index += 1) {
      driver.run(arguments[index]);
      List<String> rows = new ArrayList<>();
      while (driver.getResults(rows)) {
        for (String row : rows) answer.append(row).append('\n');
        rows.clear();
      }
      answer.append('\0');
    }
    System.out.print(answer);
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }
}

package lake.tests;

import java.io.IOException;
import org.apache.hadoop.hive.metastore.HiveMetaStore;

/** The metastore, which ends when the tests that started it end: they hold the other side of its input. */
public final class Guarded {
  public static void main(String[] arguments) throws Throwable {
    Thread guard = new Thread(() -> {
      try {
        while (System.in.read() != -1) {}
      } catch (IOException gone) {
        // The same as its end.
      }
      Runtime.getRuntime().halt(1);
    });
    guard.setDaemon(true);
    guard.start();
    HiveMetaStore.main(arguments);
  }
}
